import { join } from 'node:path';
import { z } from 'zod';
import { SpectaError } from '../platform/errors.ts';
import { type FileSystem, writeDurably } from '../platform/files.ts';
import { BUNDLE_NAME, VERSION } from './manifest.ts';
import { FIRST_SLOTS, type Slots } from './slots.ts';

const FILE = 'slots.json';
/** A larger file is none of SPECTA's: it is read whole into memory. */
const MOST_BYTES = 1_000_000;

const bundle = {
  name: z.string().regex(BUNDLE_NAME),
  version: z.string().regex(VERSION),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
};
const id = z.strictObject(bundle);
const pointer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('shipped') }),
  z.strictObject({ kind: z.literal('installed'), ...bundle }),
]);
const schema: z.ZodType<Slots> = z.strictObject({
  schema: z.literal(1),
  current: pointer,
  previous: pointer.nullable(),
  trial: z
    .strictObject({
      bundle: id,
      phase: z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('waiting') }),
        z.strictObject({ kind: z.literal('begun'), boot: z.string().min(1) }),
      ]),
      requestedUtcMs: z.number(),
    })
    .nullable(),
  lastTrial: z
    .strictObject({
      bundle: id,
      confirmed: z.boolean(),
      reason: z.string().nullable(),
      utcMs: z.number(),
    })
    .nullable(),
  served: z.array(id),
});

function corrupt(path: string, why: string, cause?: unknown): SpectaError {
  return new SpectaError(
    'SLOTS_CORRUPT',
    `${path} does not say which model serves: ${why}.`,
    'SPECTA serves the model it came with until then. Move the file away, then activate a bundle anew.',
    cause,
  );
}

/** Reads the slots of a models folder; a vehicle without the file was never flashed. Throws `SLOTS_CORRUPT`, `DISK_FAILED`. */
export async function readSlots(fs: FileSystem, folder: string): Promise<Slots> {
  const path = join(folder, FILE);
  const found = await fs.lstat(path);
  if (found === null) return FIRST_SLOTS;
  if (found.kind !== 'file') throw corrupt(path, 'it is no plain file');
  if (found.bytes > MOST_BYTES) throw corrupt(path, `it has ${found.bytes} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(await fs.readFile(path)).toString('utf8'));
  } catch (error) {
    if (error instanceof SpectaError) throw error;
    throw corrupt(path, 'it is no JSON', error);
  }
  const read = schema.safeParse(value);
  if (!read.success) throw corrupt(path, read.error.issues.map(({ message }) => message).join('; '));
  return read.data;
}

/** Keeps the slots: one rename, durable once this resolves. */
export async function writeSlots(fs: FileSystem, folder: string, slots: Slots): Promise<void> {
  const text = `${JSON.stringify(slots, null, 2)}\n`;
  await writeDurably(fs, join(folder, FILE), new TextEncoder().encode(text));
}

/** Puts a slots file that cannot be read out of the way, for somebody to look at; an older one of its kind goes. */
export async function setSlotsAside(fs: FileSystem, folder: string): Promise<void> {
  await fs.rename(join(folder, FILE), join(folder, 'slots.damaged.json'));
  await fs.syncFolder(folder);
}
