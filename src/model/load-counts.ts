import { join } from 'node:path';
import { z } from 'zod';
import { SpectaError } from '../platform/errors.ts';
import { type FileSystem, writeDurably } from '../platform/files.ts';

const FILE = 'loads.json';
const schema = z.record(z.string().regex(/^[0-9a-f]{64}$/), z.number().int().min(1));
const MOST_BYTES = 100_000;

/** After so many starts in a row that ended while it was being loaded, a model is passed over. */
export const MOST_LOADS = 3;

/** Why a model is passed over that took SPECTA down `count` times. */
export function loadsFatal(count: number): SpectaError {
  return new SpectaError(
    'BUNDLE_NOT_SERVABLE',
    `SPECTA ended ${count} times in a row while it was being loaded.`,
    'Flash another model; once the cause is gone, `specta model flash` takes this one again.',
  );
}

/**
 * How often the loading of a flashed model was begun and not survived, by its digest: what takes the whole process down
 * can be told only by the next one. One daemon writes it at a time.
 */
export class LoadCounts {
  private readonly fs: FileSystem;
  private readonly folder: string;

  /** @param folder of the models; it need not be there for reading */
  constructor(fs: FileSystem, folder: string) {
    this.fs = fs;
    this.folder = folder;
  }

  /** The counts; a file that is none of ours counts nothing, which costs some more starts. Throws `DISK_FAILED`. */
  async read(): Promise<ReadonlyMap<string, number>> {
    const path = join(this.folder, FILE);
    const found = await this.fs.lstat(path);
    if (found === null || found.kind !== 'file' || found.bytes > MOST_BYTES) return new Map();
    const text = Buffer.from(await this.fs.readFile(path)).toString('utf8');
    try {
      return new Map(Object.entries(schema.parse(JSON.parse(text))));
    } catch {
      // No JSON, or not of this form.
      return new Map();
    }
  }

  /** Its loading begins; on disk when this resolves. */
  async begin(digest: string): Promise<void> {
    const counts = await this.read();
    await this.write(new Map([...counts, [digest, (counts.get(digest) ?? 0) + 1]]));
  }

  /** It was survived, or is to be tried afresh. Writes nothing where nothing was counted. */
  async forget(digest: string): Promise<void> {
    const counts = await this.read();
    if (counts.has(digest)) await this.write(new Map([...counts].filter(([key]) => key !== digest)));
  }

  private async write(counts: ReadonlyMap<string, number>): Promise<void> {
    const text = `${JSON.stringify(Object.fromEntries(counts))}\n`;
    await writeDurably(this.fs, join(this.folder, FILE), new TextEncoder().encode(text));
  }
}
