import { dirname, join } from 'node:path';
import type { ManifestFile } from '../domain/manifest.ts';
import { SpectaError } from '../platform/errors.ts';
import type { FileSystem, WritableFile } from '../platform/files.ts';
import { MANIFEST, SIGNATURE } from './bundle-limits.ts';
import type { IncomingBundle, Receiver } from './incoming.ts';

/** Nobody writes into an installed bundle. */
const PERMISSIONS = 0o444;
/** Left free for the record, which must go on whatever is flashed. */
const SPARE_BYTES = 64 * 1024 * 1024;

/** Throws `DISK_FULL` when the bundle would not leave the record its room. */
export async function checkRoom(fs: FileSystem, folder: string, { manifest }: IncomingBundle): Promise<void> {
  const needed = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0) + SPARE_BYTES;
  const free = await fs.freeBytes(folder);
  if (free >= needed) return;
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  throw new SpectaError(
    'DISK_FULL',
    `${folder} has ${megabytes(free)} free; this bundle and the record need ${megabytes(needed)}.`,
    '`specta model gc` removes the bundles that no slot needs.',
  );
}

async function writeNew(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await fs.createFile(path, PERMISSIONS);
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Writes a bundle's files into a new folder. */
class Unpacker implements Receiver {
  private readonly fs: FileSystem;
  private readonly root: string;
  private readonly folders = new Set<string>();
  private file: WritableFile | null = null;

  constructor(fs: FileSystem, root: string) {
    this.fs = fs;
    this.root = root;
  }

  async begin({ path }: ManifestFile): Promise<void> {
    await this.makeFolder(dirname(path));
    this.file = await this.fs.createFile(join(this.root, path), PERMISSIONS);
  }

  async write(piece: Uint8Array): Promise<void> {
    await this.file?.write(piece);
  }

  async end(): Promise<void> {
    await this.file?.sync();
    await this.close();
  }

  /** Makes every name in the new folder durable. */
  async finish(): Promise<void> {
    const deepestFirst = [...this.folders].sort((a, b) => b.length - a.length);
    for (const folder of deepestFirst) await this.fs.syncFolder(join(this.root, folder));
    await this.fs.syncFolder(this.root);
  }

  /** Lets go of a file that is not finished; idempotent. */
  async close(): Promise<void> {
    const { file } = this;
    this.file = null;
    await file?.close();
  }

  private async makeFolder(folder: string): Promise<void> {
    if (folder === '.' || this.folders.has(folder)) return;
    await this.fs.mkdir(join(this.root, folder));
    for (let at = folder; at !== '.'; at = dirname(at)) this.folders.add(at);
  }
}

/**
 * Writes a whole bundle into a new folder and makes it durable there. Its name in the folder above is not yet: that
 * comes with the rename to its place. What fails leaves a part behind, for the caller to remove.
 */
export async function unpack(fs: FileSystem, incoming: IncomingBundle, into: string): Promise<void> {
  await fs.mkdir(into);
  const unpacker = new Unpacker(fs, into);
  try {
    await incoming.readFiles(unpacker);
  } finally {
    await unpacker.close();
  }
  await writeNew(fs, join(into, MANIFEST), incoming.manifestBytes);
  if (incoming.signature !== null) await writeNew(fs, join(into, SIGNATURE), incoming.signature);
  await unpacker.finish();
}
