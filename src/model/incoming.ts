import { createHash } from 'node:crypto';
import type { Manifest, ManifestFile } from '../domain/manifest.ts';
import type { Clock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import type { FileSystem, ReadableFile } from '../platform/files.ts';
import { checkKind } from './admission.ts';
import { archiveBytes, archiveInvalid, expectHeader, isHeaderOf, sizeIn } from './archive-header.ts';
import { ArchiveReader } from './archive-reader.ts';
import {
  BUNDLE_LIMITS,
  type BundleLimits,
  checkFileList,
  MANIFEST,
  SIGNATURE,
  tooLarge,
} from './bundle-limits.ts';
import { Deadline } from './deadline.ts';
import { manifestText, parseManifest } from './manifest.ts';
import { SIGNATURE_BYTES, signerOf, type TrustedKey } from './signature.ts';

/** Whom a vehicle believes. */
export interface Trust {
  readonly keys: readonly TrustedKey[];
  /** For development only: a bundle that nobody has signed is taken, and told as such wherever it goes. */
  readonly allowUnsigned: boolean;
}

export interface IncomingOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly trust: Trust;
  readonly limits?: BundleLimits;
  readonly signal?: AbortSignal;
  /** Bytes of the archive that were read, and all of them. */
  readonly onProgress?: (done: number, bytes: number) => void;
}

/** Takes the content of a bundle's files, one after the other. */
export interface Receiver {
  begin(file: ManifestFile): Promise<void>;
  /** @param piece good until the promise resolves */
  write(piece: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

/** Throws `BUNDLE_UNSIGNED` or `BUNDLE_SIGNATURE_INVALID`; gives the id of the key that vouches, null for nobody. */
export function checkSignature(
  manifest: Uint8Array,
  signature: Uint8Array | null,
  { keys, allowUnsigned }: Trust,
): string | null {
  if (signature === null) {
    if (allowUnsigned) return null;
    throw new SpectaError(
      'BUNDLE_UNSIGNED',
      'Nobody has signed this bundle.',
      'Have it signed with `specta model sign`. For development only: model.allowUnsigned in the configuration.',
    );
  }
  const signer = signerOf(manifest, signature, keys);
  if (signer !== null) return signer;
  const known = keys.length === 0 ? 'none is trusted' : `trusted: ${keys.map(({ id }) => id).join(', ')}`;
  throw new SpectaError(
    'BUNDLE_SIGNATURE_INVALID',
    `No trusted key has signed this bundle, or it was changed afterwards (${known}).`,
    'Get it from where it was signed, or trust its key: model.trustedKeys in the configuration.',
  );
}

/** A bundle on its way in: its manifest is signed, known and affordable; its files are not read yet. */
export class IncomingBundle {
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  /** null where nobody signed and that is allowed. */
  readonly signature: Uint8Array | null;
  readonly digest: string;
  /** Id of the trusted key that signed. */
  readonly signedBy: string | null;
  private readonly reader: ArchiveReader;
  private readonly onProgress: (done: number, bytes: number) => void;
  /** The header that was read to see whether a signature follows the manifest. */
  private readAhead: Uint8Array | null;

  private constructor(
    head: Pick<IncomingBundle, 'manifest' | 'manifestBytes' | 'signature' | 'digest' | 'signedBy'>,
    reader: ArchiveReader,
    readAhead: Uint8Array | null,
    onProgress: (done: number, bytes: number) => void,
  ) {
    this.manifest = head.manifest;
    this.manifestBytes = head.manifestBytes;
    this.signature = head.signature;
    this.digest = head.digest;
    this.signedBy = head.signedBy;
    this.reader = reader;
    this.readAhead = readAhead;
    this.onProgress = onProgress;
  }

  /** Reads up to the first file. Nothing that a stranger wrote is parsed before its signature is checked. */
  static async read(reader: ArchiveReader, options: IncomingOptions): Promise<IncomingBundle> {
    const { trust, limits = BUNDLE_LIMITS, onProgress = () => undefined } = options;
    const size = sizeIn(await reader.header(), MANIFEST);
    if (size > limits.manifestBytes)
      throw tooLarge(`has a manifest of ${size} bytes, the limit is ${limits.manifestBytes}`);
    const manifestBytes = await reader.content(size);
    const next = await reader.header();
    const isSigned = isHeaderOf(next, { path: SIGNATURE, bytes: SIGNATURE_BYTES });
    const signature = isSigned ? await reader.content(SIGNATURE_BYTES) : null;
    const signedBy = checkSignature(manifestBytes, signature, trust);

    const text = manifestText(manifestBytes, MANIFEST);
    checkKind(text);
    const manifest = parseManifest(text, MANIFEST);
    checkFileList(manifest, limits);
    const own = [
      { path: MANIFEST, bytes: size },
      ...(isSigned ? [{ path: SIGNATURE, bytes: SIGNATURE_BYTES }] : []),
    ];
    const due = archiveBytes([...own, ...manifest.files]);
    if (reader.bytes !== due) throw archiveInvalid(`has ${reader.bytes} bytes, its manifest makes ${due}`);
    const digest = createHash('sha256').update(manifestBytes).digest('hex');
    const head = { manifest, manifestBytes, signature, digest, signedBy };
    return new IncomingBundle(head, reader, isSigned ? null : next, onProgress);
  }

  /**
   * Reads every file, compares each with its digest and hands it on piece by piece; a wrong digest is only known at a
   * file's end. Once. Throws `BUNDLE_ARCHIVE_INVALID`, `BUNDLE_FILE_ALTERED`, `BUNDLE_TOO_SLOW`, and what the receiver throws.
   */
  async readFiles(receiver: Receiver | null = null): Promise<void> {
    for (const file of this.manifest.files) await this.readFile(file, receiver);
    await this.reader.end();
    this.onProgress(this.reader.bytes, this.reader.bytes);
  }

  private async readFile(file: ManifestFile, receiver: Receiver | null): Promise<void> {
    const ahead = this.readAhead;
    this.readAhead = null;
    if (ahead === null) await this.reader.expect(file);
    else expectHeader(ahead, file);
    await receiver?.begin(file);
    const hash = createHash('sha256');
    for await (const piece of this.reader.pieces(file.bytes)) {
      hash.update(piece);
      await receiver?.write(piece);
      this.onProgress(this.reader.bytesRead, this.reader.bytes);
    }
    await receiver?.end();
    const digest = hash.digest('hex');
    if (digest !== file.sha256) {
      throw new SpectaError(
        'BUNDLE_FILE_ALTERED',
        `${file.path} in the archive has sha256 ${digest}, the manifest says ${file.sha256}.`,
        'Get the file again from where it was made.',
      );
    }
  }
}

async function openArchive(path: string, fs: FileSystem): Promise<ReadableFile> {
  try {
    return await fs.openFile(path);
  } catch (error) {
    throw new SpectaError(
      'BUNDLE_MISSING',
      `${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`,
      'Give a .spectamodel file, itself and not a link to it.',
      error,
    );
  }
}

/**
 * Opens a `.spectamodel`, verifies it as far as its manifest, lets `use` decide and read on, and closes it. Memory is
 * bounded by the limits on the manifest and a chunk. Throws the codes of {@link IncomingBundle}, `BUNDLE_MISSING`, and
 * all that `use` throws.
 */
export async function withIncoming<T>(
  path: string,
  options: IncomingOptions,
  use: (bundle: IncomingBundle) => Promise<T>,
): Promise<T> {
  const { fs, clock, limits = BUNDLE_LIMITS, signal } = options;
  const slow = (): SpectaError =>
    new SpectaError(
      'BUNDLE_TOO_SLOW',
      `${path} could not be read within ${Math.round(limits.milliseconds / 1000)} s.`,
      'Copy the file to a faster or sounder disk first.',
    );
  const deadline = new Deadline(clock, limits.milliseconds, slow, signal);
  const opening = openArchive(path, fs);
  const file = await deadline.within(opening).catch((error: unknown) => {
    // One that opens too late is closed again; one that does not open has nothing to close.
    opening.then((late) => late.close()).catch(() => undefined);
    throw error;
  });
  try {
    return await use(await IncomingBundle.read(new ArchiveReader(file, deadline), options));
  } finally {
    const closing = file.close();
    // A close waits for the read that hangs: nothing was written to it, so nothing is lost with its error.
    if (deadline.isPassed) closing.catch(() => undefined);
    else await closing;
  }
}
