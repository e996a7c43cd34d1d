import { resolve } from 'node:path';
import { systemClock } from '../platform/clock.ts';
import { SpectaError, systemCode } from '../platform/errors.ts';
import { type FileSystem, nodeFiles } from '../platform/files.ts';
import { EXIT } from './exit-codes.ts';
import { paint } from './terminal.ts';

/** A key or passphrase file of more bytes is none. */
const MOST_KEY_BYTES = 64_000;
const OWNER_ONLY = 0o600;

async function readSmall(path: string, what: string): Promise<Uint8Array<ArrayBuffer>> {
  const found = await nodeFiles.stat(path);
  if (found?.kind === 'file' && found.bytes <= MOST_KEY_BYTES) return nodeFiles.readFile(path);
  const why = found === null ? 'is not there' : 'is no such file';
  throw new SpectaError('KEY_INVALID', `${path} ${why}: ${what} is due.`, 'Name the right file.');
}

async function passphraseOf(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = new TextDecoder().decode(await readSmall(file, 'a passphrase')).replace(/\r?\n$/, '');
  if (text !== '') return text;
  throw new SpectaError('KEY_INVALID', `${file} is empty: a passphrase is due.`, 'Write one into it.');
}

async function signingKey(options: { readonly key: string; readonly passphraseFile?: string }) {
  const { parsePrivateKey } = await import('../model/signature.ts');
  const pem = await readSmall(options.key, 'a private key (PEM)');
  return parsePrivateKey(pem, await passphraseOf(options.passphraseFile));
}

async function writeNew(fs: FileSystem, path: string, text: string, permissions: number): Promise<void> {
  try {
    const file = await fs.createFile(path, permissions);
    try {
      await file.write(new TextEncoder().encode(text));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error instanceof SpectaError ? error.cause : error) !== 'EEXIST') throw error;
    throw new SpectaError(
      'KEY_EXISTS',
      `${path} is there already.`,
      'Keys are never overwritten: name another.',
    );
  }
}

/** `specta model keygen`. */
export async function keygen(options: {
  readonly out: string;
  readonly passphraseFile?: string;
}): Promise<number> {
  const { newKeyPair } = await import('../model/signature.ts');
  const { privatePem, publicText, id } = newKeyPair(await passphraseOf(options.passphraseFile));
  await writeNew(nodeFiles, `${options.out}.key`, privatePem, OWNER_ONLY);
  await writeNew(nodeFiles, `${options.out}.pub`, `${publicText}\n`, 0o644);
  process.stdout.write(`key ${id}: ${options.out}.key signs, keep it ashore and safe
On board, in the configuration:
model:
  trustedKeys:
    - ${publicText}
`);
  return EXIT.ok;
}

/** `specta model sign`. */
export async function sign(
  path: string,
  options: { readonly key: string; readonly passphraseFile?: string },
): Promise<number> {
  const { signArchive, signFolder } = await import('../model/pack.ts');
  const signer = await signingKey(options);
  const isFolder = (await nodeFiles.stat(path))?.kind === 'folder';
  if (isFolder) await signFolder(nodeFiles, path, signer);
  else await signArchive(nodeFiles, systemClock, resolve(path), signer);
  process.stdout.write(`signed ${path} with key ${signer.id}\n`);
  return EXIT.ok;
}

/** `specta model pack`. */
export async function pack(folder: string, options: { readonly out?: string }): Promise<number> {
  const { packBundle } = await import('../model/pack.ts');
  const { openBundle } = await import('../model/bundle.ts');
  const { manifest } = await openBundle(folder);
  const out = resolve(options.out ?? `${manifest.name}-${manifest.version}.spectamodel`);
  const { bytes, isSigned } = await packBundle(nodeFiles, folder, out);
  const { yellow } = paint(process.stdout);
  const signed = isSigned ? 'signed' : yellow('not signed: `specta model sign` it before it goes on board');
  process.stdout.write(`${out}: ${bytes} bytes, ${signed}\n`);
  return EXIT.ok;
}

async function trustedTexts(keys: readonly string[], config: string | undefined): Promise<string[]> {
  const texts: string[] = [];
  for (const key of keys) {
    const isText = key.startsWith('ed25519:');
    texts.push(isText ? key : new TextDecoder().decode(await readSmall(key, 'a public key')).trim());
  }
  if (config === undefined) return texts;
  const { loadConfig } = await import('../daemon/load-config.ts');
  return [...texts, ...(await loadConfig(config, process.env)).model.trustedKeys];
}

/** `specta model verify`. */
export async function verify(
  file: string,
  options: { readonly key: readonly string[]; readonly config?: string; readonly json?: boolean },
): Promise<number> {
  const { withIncoming } = await import('../model/incoming.ts');
  const { parseTrustedKeys } = await import('../model/signature.ts');
  const texts = [...new Set(await trustedTexts(options.key, options.config))];
  if (texts.length === 0) {
    throw new SpectaError(
      'USAGE',
      'Whose signature is to be believed?',
      'Give --key with a public key, or --config with the configuration of a vehicle.',
    );
  }
  const trust = { keys: parseTrustedKeys(texts), allowUnsigned: false };
  const reading = { fs: nodeFiles, clock: systemClock, trust };
  const found = await withIncoming(resolve(file), reading, async (incoming) => {
    await incoming.readFiles();
    return incoming;
  });
  const { manifest, digest, signedBy } = found;
  const { name, version, createdAt, files } = manifest;
  if (options.json === true)
    process.stdout.write(`${JSON.stringify({ name, version, digest, signedBy, createdAt })}\n`);
  else {
    process.stdout.write(
      `${name}@${version} of ${createdAt}, ${files.length} files as its manifest says, signed by key ${signedBy}\n`,
    );
  }
  return EXIT.ok;
}
