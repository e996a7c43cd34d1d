import { z } from 'zod';
import { SpectaError } from '../../platform/errors.ts';
import { type FileSystem, writeDurably } from '../../platform/files.ts';

/** One file that lay in the inbox. */
const entrySchema = z.strictObject({
  /** Of its content: the same file under another name is the same. */
  key: z.string(),
  path: z.string(),
  at: z.string(),
  /** What it holds; null until it is installed. */
  bundle: z
    .strictObject({ name: z.string(), version: z.string(), digest: z.string() })
    .nullable()
    .default(null),
  /** null: it was begun. Found so at a start, SPECTA has ended meanwhile. */
  answer: z.enum(['YES', 'NO']).nullable(),
});
const schema = z.strictObject({ entries: z.array(entrySchema) });

export type InboxEntry = z.infer<typeof entrySchema>;
/** What a file held. */
export type InboxBundle = NonNullable<InboxEntry['bundle']>;

/** The oldest of more are forgotten. */
const MOST_ENTRIES = 200;
const MOST_BYTES = 1_000_000;

/** What was taken from the inbox, on disk before it is begun: a file that takes the daemon down is not taken again. */
export class InboxLedger {
  private readonly fs: FileSystem;
  private readonly path: string;
  private entries: InboxEntry[] | null = null;

  constructor(fs: FileSystem, path: string) {
    this.fs = fs;
    this.path = path;
  }

  /** What became of the file with this key; null when none was taken. */
  async find(key: string): Promise<InboxEntry | null> {
    return (await this.read()).find((entry) => entry.key === key) ?? null;
  }

  /** Entries that were begun and never came to an end. */
  async unfinished(): Promise<readonly InboxEntry[]> {
    return (await this.read()).filter(({ answer }) => answer === null);
  }

  /** Adds an entry, or puts it in the place of the one with its key; durable when this resolves. */
  async put(entry: InboxEntry): Promise<void> {
    const others = (await this.read()).filter(({ key }) => key !== entry.key);
    const entries = [...others, entry].slice(-MOST_ENTRIES);
    const text = `${JSON.stringify({ entries }, null, 2)}\n`;
    await writeDurably(this.fs, this.path, new TextEncoder().encode(text));
    this.entries = entries;
  }

  private async read(): Promise<InboxEntry[]> {
    this.entries ??= await this.load();
    return this.entries;
  }

  /** A file that is none of ours is begun anew: at worst a bundle is tried a second time. */
  private async load(): Promise<InboxEntry[]> {
    const found = await this.fs.lstat(this.path);
    if (found === null || found.kind !== 'file' || found.bytes > MOST_BYTES) return [];
    const text = Buffer.from(await this.fs.readFile(this.path)).toString('utf8');
    try {
      return schema.parse(JSON.parse(text)).entries;
    } catch (error) {
      if (error instanceof SpectaError) throw error;
      return [];
    }
  }
}
