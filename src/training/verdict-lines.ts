import { resolve } from 'node:path';
import { z } from 'zod';
import { SpectaError } from '../platform/errors.ts';
import type { Judgement } from './metrics.ts';

/** The part of a line of `specta classify --json` that evaluation needs. */
const VerdictLine = z.object({
  file: z.string().min(1),
  label: z.enum(['corrosion', 'crack', 'intact', 'unsure']).nullable().optional(),
  blind: z.string().nullable().optional(),
  error: z.unknown().optional(),
});

/** What was said of each picture. */
export interface VerdictList {
  /** By absolute path. */
  readonly judgements: ReadonlyMap<string, Judgement>;
  /** Pictures that could not be read, absolute paths. */
  readonly unreadable: readonly string[];
}

/**
 * Reads lines of `specta classify --json`: `file`, `label` (null when blind), or `error`.
 * @param folder that relative file names start from
 * Throws `DATA_INVALID` with the number of a line that does not fit.
 */
export function parseVerdictLines(text: string, folder: string): VerdictList {
  const judgements = new Map<string, Judgement>();
  const unreadable: string[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const { file, label, error } = parseLine(line, index + 1);
    const path = resolve(folder, file);
    if (error !== undefined && error !== null) unreadable.push(path);
    else if (label === undefined) throw notAVerdict(index + 1, 'it has neither label nor error');
    else judgements.set(path, label ?? 'blind');
  });
  return { judgements, unreadable };
}

function parseLine(line: string, number: number): z.infer<typeof VerdictLine> {
  try {
    return VerdictLine.parse(JSON.parse(line));
  } catch (error) {
    throw notAVerdict(number, error instanceof Error ? error.message : String(error), error);
  }
}

function notAVerdict(number: number, why: string, cause?: unknown): SpectaError {
  return new SpectaError(
    'DATA_INVALID',
    `line ${number} is no verdict: ${why}`,
    'Give the output of `specta classify … --json`.',
    cause,
  );
}
