import { join } from 'node:path';
import { z } from 'zod';
import { textAt } from './board.ts';

/** Whoever exports the record writes this into the state folder: `{"at": "2026-05-20T09:30:00.000Z"}`. */
export const EXPORT_STAMP = 'last-export.json';

const stampSchema = z.object({ at: z.iso.datetime() });

/** When the record in a state folder was last exported, UTC; null: never, or the stamp cannot be read. */
export function lastExport(stateFolder: string): string | null {
  const text = textAt(join(stateFolder, EXPORT_STAMP));
  if (text === null) return null;
  try {
    return stampSchema.safeParse(JSON.parse(text)).data?.at ?? null;
  } catch (error) {
    // A stamp cut off by a loss of power proves no export.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
