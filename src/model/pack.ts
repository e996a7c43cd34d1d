import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import type { Clock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { type FileSystem, type WritableFile, writeDurably } from '../platform/files.ts';
import { archiveBytes, archiveHeader, END_BYTES, isHeaderOf, paddedBytes, sizeIn } from './archive-header.ts';
import { ArchiveReader } from './archive-reader.ts';
import { openBundle, readManifestBytes } from './bundle.ts';
import { BUNDLE_LIMITS, checkFileList, MANIFEST, SIGNATURE, tooLarge } from './bundle-limits.ts';
import { Deadline } from './deadline.ts';
import { withIncoming } from './incoming.ts';
import { type parsePrivateKey, parseTrustedKey, SIGNATURE_BYTES, signManifest } from './signature.ts';

type SigningKey = ReturnType<typeof parsePrivateKey>;

const CHUNK_BYTES = 128 * 1024;

/** Writes a file beside its place, durably, and renames it there once `write` is done and `check` is content. */
async function writeInPlace(
  fs: FileSystem,
  path: string,
  write: (file: WritableFile) => Promise<void>,
  check: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const file = await fs.createFile(temporary);
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await check(temporary);
    await fs.rename(temporary, path);
  } catch (error) {
    // The first failure is the one to tell.
    await fs.remove(temporary).catch(() => undefined);
    throw error;
  }
  await fs.syncFolder(dirname(path));
}

async function writeEntry(file: WritableFile, path: string, content: Uint8Array): Promise<void> {
  await file.write(archiveHeader({ path, bytes: content.byteLength }));
  await file.write(content);
  await writeZeros(file, paddedBytes(content.byteLength) - content.byteLength);
}

async function writeZeros(file: WritableFile, count: number): Promise<void> {
  if (count > 0) await file.write(new Uint8Array(count));
}

async function signatureIn(fs: FileSystem, folder: string): Promise<Uint8Array | null> {
  const path = join(folder, SIGNATURE);
  const found = await fs.lstat(path);
  if (found === null) return null;
  if (found.kind === 'file' && found.bytes === SIGNATURE_BYTES) return fs.readFile(path);
  throw new SpectaError(
    'BUNDLE_SIGNATURE_INVALID',
    `${path} is no signature: it has ${found.bytes} bytes, not ${SIGNATURE_BYTES}.`,
    'Sign the bundle again with `specta model sign`.',
  );
}

/**
 * Packs a whole bundle's folder into one `.spectamodel`: a tar of manifest, signature where there is one, and the files
 * in the manifest's order. Equal bundles give equal bytes. Throws as `openBundle`, and `DISK_FULL`, `DISK_FAILED`.
 */
export async function packBundle(
  fs: FileSystem,
  folder: string,
  path: string,
): Promise<{ readonly bundle: Bundle; readonly bytes: number; readonly isSigned: boolean }> {
  const bundle = await openBundle(folder, fs);
  const { manifest } = bundle;
  checkFileList(manifest, BUNDLE_LIMITS);
  const manifestBytes = await readManifestBytes(bundle.folder, fs);
  const signature = await signatureIn(fs, bundle.folder);
  const own = [
    { path: MANIFEST, bytes: manifestBytes.byteLength },
    ...(signature === null ? [] : [{ path: SIGNATURE, bytes: SIGNATURE_BYTES }]),
  ];
  const write = async (file: WritableFile): Promise<void> => {
    await writeEntry(file, MANIFEST, manifestBytes);
    if (signature !== null) await writeEntry(file, SIGNATURE, signature);
    for (const each of manifest.files) {
      await file.write(archiveHeader(each));
      await copyFile(fs, join(bundle.folder, each.path), each.bytes, file);
      await writeZeros(file, paddedBytes(each.bytes) - each.bytes);
    }
    await writeZeros(file, END_BYTES);
  };
  await writeInPlace(fs, path, write, async () => undefined);
  return { bundle, bytes: archiveBytes([...own, ...manifest.files]), isSigned: signature !== null };
}

async function copyFile(fs: FileSystem, path: string, bytes: number, to: WritableFile): Promise<void> {
  const from = await fs.openFile(path);
  try {
    const chunk = new Uint8Array(CHUNK_BYTES);
    let copied = 0;
    for (let got = await from.read(chunk); got > 0; got = await from.read(chunk)) {
      copied += got;
      await to.write(chunk.subarray(0, got));
    }
    if (copied === bytes) return;
  } finally {
    await from.close();
  }
  throw new SpectaError(
    'BUNDLE_FILE_ALTERED',
    `${path} changed while it was packed.`,
    'Pack it when nobody writes there.',
  );
}

/** Signs a whole bundle's folder: writes `manifest.sig`. Throws as `openBundle`. */
export async function signFolder(fs: FileSystem, folder: string, { key }: SigningKey): Promise<Bundle> {
  const bundle = await openBundle(folder, fs);
  const manifest = await readManifestBytes(bundle.folder, fs);
  await writeDurably(fs, join(bundle.folder, SIGNATURE), signManifest(manifest, key));
  return bundle;
}

/**
 * Signs a `.spectamodel`, or puts another signature into it. What was signed is verified whole before it takes the
 * file's place. Throws the codes of {@link withIncoming}.
 */
export async function signArchive(
  fs: FileSystem,
  clock: Clock,
  path: string,
  signer: SigningKey,
): Promise<void> {
  const source = await fs.openFile(path);
  const slow = (): SpectaError =>
    new SpectaError('BUNDLE_TOO_SLOW', `${path} could not be read in time.`, 'Copy it to a faster disk.');
  const reader = new ArchiveReader(source, new Deadline(clock, BUNDLE_LIMITS.milliseconds, slow));
  const write = async (file: WritableFile): Promise<void> => {
    const size = sizeIn(await reader.header(), MANIFEST);
    if (size > BUNDLE_LIMITS.manifestBytes || reader.bytes > 2 * BUNDLE_LIMITS.bytes)
      throw tooLarge('is beyond all limits');
    const manifest = await reader.content(size);
    await writeEntry(file, MANIFEST, manifest);
    await writeEntry(file, SIGNATURE, signManifest(manifest, signer.key));
    const next = await reader.header();
    if (isHeaderOf(next, { path: SIGNATURE, bytes: SIGNATURE_BYTES })) await reader.content(SIGNATURE_BYTES);
    else await file.write(next);
    for await (const piece of reader.pieces(reader.bytes - reader.bytesRead)) await file.write(piece);
  };
  const trust = { keys: [parseTrustedKey(signer.publicText)], allowUnsigned: false };
  const check = (temporary: string): Promise<void> =>
    withIncoming(temporary, { fs, clock, trust }, (incoming) => incoming.readFiles());
  try {
    await writeInPlace(fs, path, write, check);
  } finally {
    await source.close();
  }
}
