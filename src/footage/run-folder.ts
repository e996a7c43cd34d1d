import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SpectaError, systemCode } from '../platform/errors.ts';
import type { FrameTruth } from './frame-truth.ts';

/** `run.json`: what a folder of frames is. Written last, so a folder that has it whole is finished. */
export interface RunRecord {
  readonly schema: 1;
  readonly kind: 'run' | 'stills';
  /** Version of the renderer. */
  readonly renderer: number;
  readonly seed: number;
  readonly frames: number;
  /** Frames a second; null for stills. */
  readonly rate: number | null;
  /** Of all pictures together. */
  readonly bytes: number;
  /** sha256 over kind, renderer and parameters, hex: equal digests are equal pictures. */
  readonly digest: string;
  /** The run's plan, or what the stills were asked to be. */
  readonly parameters: unknown;
}

const OURS = /^((frame|still)-\d{6,}\.jpg|truth\.jsonl|run\.json)$/;

export function digestOf(kind: RunRecord['kind'], renderer: number, parameters: unknown): string {
  return createHash('sha256').update(JSON.stringify({ kind, renderer, parameters })).digest('hex');
}

/**
 * The record of a finished folder; null when there is none, or when it is half-written: `run.json` missing or broken,
 * pictures missing or of another size than was written.
 */
export async function readFinishedRun(folder: string): Promise<RunRecord | null> {
  let record: RunRecord;
  try {
    record = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunRecord;
  } catch (error) {
    // Not there, or cut off in the middle: either way the folder is not finished.
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR')
      return null;
    throw diskError(error, folder);
  }
  if (record.schema !== 1 || !Number.isInteger(record.frames)) return null;
  try {
    const lines = (await readFile(join(folder, 'truth.jsonl'), 'utf8'))
      .split('\n')
      .filter((line) => line !== '');
    if (lines.length !== record.frames) return null;
    const sizes = await Promise.all(
      lines.map(async (line) => (await stat(join(folder, (JSON.parse(line) as FrameTruth).file))).size),
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    return bytes === record.bytes ? record : null;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return null;
    throw diskError(error, folder);
  }
}

/** All lines of a finished folder's `truth.jsonl`, in order. Throws `FOLDER_UNREADABLE` when there is none. */
export async function readTruth(folder: string): Promise<FrameTruth[]> {
  try {
    const text = await readFile(join(folder, 'truth.jsonl'), 'utf8');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as FrameTruth);
  } catch (error) {
    throw new SpectaError(
      'FOLDER_UNREADABLE',
      `No readable truth.jsonl in ${folder}.`,
      'Name a folder that `npm run simulate` has finished.',
      error,
    );
  }
}

/** A folder beside `folder` to write into; what dead processes left there is removed. */
export async function beginFolder(folder: string): Promise<string> {
  const target = resolve(folder);
  const parent = dirname(target);
  try {
    await mkdir(parent, { recursive: true });
    const prefix = `${basename(target)}.part-`;
    for (const name of await readdir(parent)) {
      if (!name.startsWith(prefix)) continue;
      const owner = Number.parseInt(name.slice(prefix.length), 10);
      if (Number.isInteger(owner) && owner > 0 && !alive(owner))
        await rm(join(parent, name), { recursive: true, force: true });
    }
    const part = join(parent, `${prefix}${process.pid}-${randomBytes(4).toString('hex')}`);
    await mkdir(part);
    return part;
  } catch (error) {
    throw diskError(error, parent);
  }
}

/**
 * Writes truth and record, then renames the folder to its own name. A half-written folder of that name goes; a finished
 * equal one (another process was faster) stays and wins. Throws `USAGE` when the name holds anything else.
 */
export async function finishFolder(
  part: string,
  folder: string,
  truths: readonly FrameTruth[],
  record: RunRecord,
): Promise<void> {
  const target = resolve(folder);
  try {
    await writeSynced(
      join(part, 'truth.jsonl'),
      truths.map((truth) => `${JSON.stringify(truth)}\n`).join(''),
    );
    await writeSynced(join(part, 'run.json'), `${JSON.stringify(record)}\n`);
    for (let attempt = 0; ; attempt++) {
      try {
        await rename(part, target);
        return;
      } catch (error) {
        const code = systemCode(error);
        if ((code !== 'ENOTEMPTY' && code !== 'EEXIST') || attempt === 3) throw error;
      }
      if ((await readFinishedRun(target))?.digest === record.digest) {
        await rm(part, { recursive: true, force: true });
        return;
      }
      await removeHalfWritten(target);
    }
  } catch (error) {
    throw diskError(error, folder);
  }
}

/** Throws `USAGE` when a folder holds what must not be replaced: another finished run, or files of somebody else. */
export async function refuseForeign(folder: string, digest: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw diskError(error, folder);
  }
  const foreign = names.find((name) => !OURS.test(name));
  if (foreign !== undefined)
    throw new SpectaError(
      'USAGE',
      `${folder} holds ${foreign}, which is no rendered frame.`,
      'Name a new folder.',
    );
  const finished = await readFinishedRun(folder);
  if (finished && finished.digest !== digest)
    throw new SpectaError(
      'USAGE',
      `${folder} holds another finished run (seed ${finished.seed}).`,
      'Name a new folder, or remove this one first.',
    );
}

async function removeHalfWritten(folder: string): Promise<void> {
  await refuseForeign(folder, '');
  await rm(folder, { recursive: true, force: true });
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function alive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** An error of the file system as one of ours. */
export function diskError(error: unknown, where: string): unknown {
  const code = systemCode(error);
  if (error instanceof SpectaError || code === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new SpectaError(
      'DISK_FULL',
      `No space left for ${where}.`,
      'Free some space or name another folder.',
      error,
    );
  return new SpectaError(
    'DISK_FAILED',
    `${where} cannot be written or read (${code}).`,
    'Check the path and its permissions.',
    error,
  );
}
