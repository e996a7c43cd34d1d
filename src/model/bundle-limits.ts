import type { Manifest } from '../domain/manifest.ts';
import { SpectaError } from '../platform/errors.ts';

/** What a bundle that travels may measure, and how long reading it may take. */
export interface BundleLimits {
  /** All files together, and so each. */
  readonly bytes: number;
  readonly files: number;
  /** The manifest is read whole into memory. */
  readonly manifestBytes: number;
  /** From opening to the last byte, ms. */
  readonly milliseconds: number;
}

/** Far above every model that a vehicle runs, far below what its disk holds. */
export const BUNDLE_LIMITS: BundleLimits = {
  bytes: 512 * 1024 * 1024,
  files: 1_000,
  manifestBytes: 1_000_000,
  milliseconds: 15 * 60_000,
};

/** The manifest's name in a bundle. */
export const MANIFEST = 'manifest.json';
/** The signature's name in a bundle: 64 bytes, Ed25519 over the manifest's exact bytes. */
export const SIGNATURE = 'manifest.sig';

export function tooLarge(what: string): SpectaError {
  return new SpectaError(
    'BUNDLE_TOO_LARGE',
    `The bundle ${what}.`,
    'No model for a vehicle is like that: look at where the file came from.',
  );
}

/** Everything a file list must be before one of its files is written: within the limits, and names that can all stand in one folder. Throws `BUNDLE_TOO_LARGE`, `BUNDLE_MANIFEST_INVALID`. */
export function checkFileList({ files }: Manifest, limits: BundleLimits): void {
  if (files.length > limits.files) throw tooLarge(`has ${files.length} files, the limit is ${limits.files}`);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > limits.bytes) throw tooLarge(`has ${bytes} bytes, the limit is ${limits.bytes}`);
  const invalid = (what: string): SpectaError =>
    new SpectaError('BUNDLE_MANIFEST_INVALID', `The manifest lists ${what}.`, 'Make the bundle anew.');
  // A USB stick or a Mac may hold one of two names that differ in case only, and so may a vehicle's disk.
  const seen = new Map<string, string>();
  for (const { path } of files) {
    const plain = path.toLowerCase();
    if (plain === MANIFEST || plain === SIGNATURE) throw invalid(`${path}, which is not its own to list`);
    const twin = seen.get(plain);
    if (twin !== undefined) throw invalid(`${twin} and ${path}, which some disks take for one`);
    seen.set(plain, path);
  }
  for (const { path } of files) {
    const parts = path.toLowerCase().split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join('/');
      if (seen.has(folder) || folder === MANIFEST || folder === SIGNATURE)
        throw invalid(`${path}, below ${seen.get(folder) ?? folder}, which is a file`);
    }
  }
}
