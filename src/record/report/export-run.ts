import { dirname, join } from 'node:path';
import { SpectaError } from '../../platform/errors.ts';
import { type FileSystem, writeDurably } from '../../platform/files.ts';
import { type DossierWithPictures, sha256Of } from './dossier.ts';
import { DIGESTS_FILE, reportFiles } from './report-files.ts';

export interface ExportedRun {
  readonly folder: string;
  readonly files: number;
  readonly bytes: number;
}

/** Writes files below a folder, each durable before the next; what was there under their names is replaced. */
export async function writeFiles(
  fs: FileSystem,
  folder: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  await fs.mkdir(folder);
  for (const [file, bytes] of files) {
    const path = join(folder, file);
    await fs.mkdir(dirname(path));
    await writeDurably(fs, path, bytes);
  }
}

/**
 * Puts a run with its pictures, data and digests into a folder of its own below `to`, and reads everything back. Each
 * file is synced when this resolves; the digests come last, so that a folder without them is one that was cut off.
 *
 * @throws SpectaError `DISK_FULL` before anything is written when there is no room; `DISK_FAILED` when what was read
 *   back is not what was written
 */
export async function exportRun(
  fs: FileSystem,
  report: DossierWithPictures,
  to: string,
): Promise<ExportedRun> {
  const { run } = report.dossier;
  const folder = join(to, `specta-${run.vehicle}-${run.id}`);
  const files = reportFiles(report, true);
  const bytes = [...files.values()].reduce((sum, each) => sum + each.byteLength, 0);
  const free = await fs.freeBytes(to);
  if (free < bytes) {
    throw new SpectaError(
      'DISK_FULL',
      `The run ${run.id} takes ${bytes} bytes; ${to} has ${free} left.`,
      'Make room there, or use a larger stick.',
    );
  }
  // Digests of an export before this one must not stand beside files that are being replaced.
  await fs.remove(join(folder, DIGESTS_FILE));
  await writeFiles(fs, folder, files);
  for (const [file, written] of files) {
    if (sha256Of(await fs.readFile(join(folder, file))) === sha256Of(written)) continue;
    throw new SpectaError(
      'DISK_FAILED',
      `${join(folder, file)} reads back as something else than was written.`,
      'Use another stick: this one cannot be trusted.',
    );
  }
  return { folder, files: files.size, bytes };
}
