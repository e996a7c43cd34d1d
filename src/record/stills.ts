import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type FileSystem, isTemporary, writeDurably } from '../platform/files.ts';

const FOLDER = 'stills';

/** An image file to be kept. */
export interface StillImage {
  readonly bytes: Uint8Array;
  /** File name ending without the dot. */
  readonly extension: string;
}

/** Where a still lies and what proves it. */
export interface SavedStill {
  /** Relative to the record's folder, with forward slashes. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** What a sweep found. */
export interface Sweep {
  /** Files that no row knew; they are gone now. */
  readonly orphans: number;
  /** Files that a row knows but that are not there. */
  readonly missing: readonly string[];
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** An id as a part of a file name; one that had to be changed gets a mark, so that no two ids become one name. */
function safeName(id: string): string {
  const safe = id.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 100);
  return safe === id ? safe : `${safe}~${sha256Of(new TextEncoder().encode(id)).slice(0, 8)}`;
}

/** The folder of evidence pictures, one folder a run. A file's name holds a part of its digest: names never clash. */
export class Stills {
  private readonly fs: FileSystem;
  private readonly root: string;
  private readonly made = new Set<string>();

  /** @param root the record's folder */
  constructor(fs: FileSystem, root: string) {
    this.fs = fs;
    this.root = root;
  }

  /**
   * Writes a picture so that it is whole and durable when this resolves.
   *
   * @param mark a word behind the name, or '' for a clean still
   */
  async save(
    image: StillImage,
    of: { readonly findingId: string; readonly runId: string; readonly sequence: number },
    mark: string,
  ): Promise<SavedStill> {
    const sha256 = sha256Of(image.bytes);
    const folder = `${FOLDER}/${safeName(of.runId)}`;
    if (!this.made.has(folder)) {
      await this.fs.mkdir(join(this.root, folder));
      this.made.add(folder);
    }
    const suffix = mark === '' ? '' : `-${mark}`;
    const name = `${safeName(of.findingId)}-${of.sequence}-${sha256.slice(0, 8)}${suffix}.${image.extension}`;
    const file = `${folder}/${name}`;
    await writeDurably(this.fs, join(this.root, file), image.bytes);
    return { file, sha256, bytes: image.bytes.byteLength };
  }

  /** The bytes of a still; null when the file is gone. */
  async read(file: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const path = join(this.root, file);
    if ((await this.fs.stat(path)) === null) return null;
    return this.fs.readFile(path);
  }

  /** Removes the file. Not made durable: a file that comes back after a crash is swept as an orphan. */
  async remove(file: string): Promise<void> {
    await this.fs.remove(join(this.root, file));
  }

  /** Bytes that may still be written where the stills are. */
  freeBytes(): Promise<number> {
    return this.fs.freeBytes(this.root);
  }

  /** Removes what a crash left: temporary files and pictures without a row. */
  async sweep(live: ReadonlySet<string>): Promise<Sweep> {
    const missing = new Set(live);
    let orphans = 0;
    for (const run of await this.fs.list(join(this.root, FOLDER))) {
      const folder = `${FOLDER}/${run}`;
      // Not ours: somebody else's file must not keep the record from opening.
      if ((await this.fs.stat(join(this.root, folder)))?.kind !== 'folder') continue;
      const names = await this.fs.list(join(this.root, folder));
      let kept = 0;
      for (const name of names) {
        const file = `${folder}/${name}`;
        if (!isTemporary(name) && missing.delete(file)) {
          kept++;
          continue;
        }
        await this.remove(file);
        orphans++;
      }
      if (kept === 0) await this.remove(folder);
    }
    this.made.clear();
    return { orphans, missing: [...missing] };
  }

  /**
   * Puts all stills away under another name, for a record that begins afresh and cannot know them.
   * Gives the new name; null when there were none.
   */
  async setAside(utcMs: number): Promise<string | null> {
    const path = join(this.root, FOLDER);
    if ((await this.fs.list(path)).length === 0) return null;
    const kept = `${path}.kept-${new Date(utcMs).toISOString().replaceAll(':', '-')}`;
    await this.fs.rename(path, kept);
    await this.fs.syncFolder(this.root);
    this.made.clear();
    return kept;
  }
}
