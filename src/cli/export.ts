import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { EXPORT_STAMP } from '../doctor/last-export.ts';
import type { Run } from '../domain/run.ts';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles, writeDurably } from '../platform/files.ts';
import type { RecordReader } from '../record/read-record.ts';
import { EXIT } from './exit-codes.ts';
import { productVersion } from './product-version.ts';
import type { Finish } from './program.ts';
import { type RecordChoice, recordIn, recordOptions, runNamed, stateFolderOf } from './record-choice.ts';
import { disposable } from './report.ts';
import { counted } from './terminal.ts';

interface ExportOptions extends RecordChoice {
  readonly to: string;
}

export function registerExport(program: Command, finish: Finish): void {
  recordOptions(program.command('export'))
    .description('put runs on a USB stick: pictures, report, data and digests, synced and read back')
    .argument('<runs...>', 'runs; latest, or all')
    .requiredOption('--to <folder>', 'a folder of the mounted stick')
    .addHelpText(
      'after',
      `
The daemon may go on meanwhile. Each run gets a folder of its own; one that is there already is brought up to date.
Exit status: 0 exported; 2 exported, but some evidence is gone or changed (each is named); 74 the stick is full or fails.

Examples:
  $ specta export latest --to /media/stick
  $ specta export all --config /etc/specta/specta.yaml --to /media/stick`,
    )
    .action(async (runs: string[], options: ExportOptions) => finish(await exportRuns(runs, options)));
}

async function exportRuns(names: readonly string[], options: ExportOptions): Promise<number> {
  const [{ makeDossier, evidenceFaults }, { exportRun }] = await Promise.all([
    import('../record/report/dossier.ts'),
    import('../record/report/export-run.ts'),
  ]);
  const to = resolve(options.to);
  if ((await nodeFiles.stat(to))?.kind !== 'folder') {
    throw new SpectaError(
      'USAGE',
      `${to} is no folder.`,
      'Mount the stick, and name a folder on it with --to.',
    );
  }
  const stateFolder = await stateFolderOf(options);
  using record = disposable(await recordIn(stateFolder));
  const runs = names.includes('all')
    ? record.value.runs()
    : [...new Set(names)].map((name) => runNamed(record.value, name));
  let faults = 0;
  const exported = new Map<string, number>();
  for (const run of runs) {
    // Taken before the record is read: what is found later is in no export yet.
    const atUtcMs = Date.now();
    const report = await makeDossier(record.value, run, { version: productVersion(), madeAtUtcMs: atUtcMs });
    const { folder, files, bytes } = await exportRun(nodeFiles, report, to);
    exported.set(run.id, atUtcMs);
    const megabytes = (bytes / 1e6).toFixed(1);
    process.stdout.write(
      `${run.id}: ${counted(report.dossier.findings.length, 'finding')}, ${counted(files, 'file')}, ${megabytes} MB in ${folder}\n`,
    );
    for (const fault of evidenceFaults(report.dossier)) {
      faults += 1;
      process.stderr.write(`${fault}\n`);
    }
  }
  const left = await stampExport(stateFolder, record.value, exported);
  if (left.length > 0) {
    process.stdout.write(
      `Not exported yet: ${left.map(({ id }) => id).join(', ')}. specta predive goes on asking for a backup.\n`,
    );
  }
  process.stdout.write(
    `Everything is written, synced and read back. Unmount ${to} (umount, or eject it); when that has returned, the stick is safe to remove.\n`,
  );
  return faults === 0 ? EXIT.ok : EXIT.partial;
}

const stampSchema = z.object({
  at: z.iso.datetime().optional(),
  runs: z.record(z.string(), z.iso.datetime()).default({}),
});

/**
 * Writes down what is exported. The time that `predive` reads, `at`, moves only when no finding of any run is left that
 * is in no export.
 * @returns the runs with such findings
 */
async function stampExport(
  stateFolder: string,
  record: RecordReader,
  exported: ReadonlyMap<string, number>,
): Promise<readonly Run[]> {
  const path = join(stateFolder, EXPORT_STAMP);
  const before = await stampBefore(path);
  const runs = { ...before.runs };
  for (const [id, atUtcMs] of exported) runs[id] = new Date(atUtcMs).toISOString();
  const left = record.runs().filter(({ id }) => {
    const at = runs[id];
    return record.findings(id, at === undefined ? undefined : Date.parse(at)).length > 0;
  });
  const newest = [...exported.values()].reduce((most, at) => Math.max(most, at), 0);
  const at = left.length === 0 ? new Date(newest).toISOString() : before.at;
  const stamp = { ...(at === undefined ? {} : { at }), runs };
  await writeDurably(nodeFiles, path, new TextEncoder().encode(`${JSON.stringify(stamp, null, 2)}\n`));
  return left;
}

async function stampBefore(path: string): Promise<z.infer<typeof stampSchema>> {
  if ((await nodeFiles.stat(path)) === null) return { runs: {} };
  try {
    const text = new TextDecoder().decode(await nodeFiles.readFile(path));
    return stampSchema.parse(JSON.parse(text));
  } catch (error) {
    // A stamp cut off by a loss of power proves no export.
    if (error instanceof SyntaxError || error instanceof z.ZodError) return { runs: {} };
    throw error;
  }
}
