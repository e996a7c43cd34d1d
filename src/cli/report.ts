import { resolve } from 'node:path';
import type { Command } from 'commander';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles } from '../platform/files.ts';
import { EXIT } from './exit-codes.ts';
import { productVersion } from './product-version.ts';
import type { Finish } from './program.ts';
import { type RecordChoice, recordIn, recordOptions, runNamed, stateFolderOf } from './record-choice.ts';
import { counted } from './terminal.ts';

export function registerReport(program: Command, finish: Finish): void {
  const report = program.command('report').enablePositionalOptions().argument('<run>', 'a run, or latest');
  recordOptions(report)
    .description(
      'the report of a run: one HTML page with everything in it, and its data as JSON, CSV and GeoJSON',
    )
    .option('--out <folder>', 'where to put it')
    .addHelpText(
      'after',
      `
Exit status: 0 written; 2 written, but some evidence is gone or changed (each is named); else see specta --help.

Examples:
  $ specta report latest --out report
  $ specta report R-20260520T093000Z-7d0c6a52 --config specta.yaml --out report
  $ specta report verify report/report.html`,
    )
    .action(async (run: string, options: RecordChoice & { readonly out?: string }) =>
      finish(await writeReport(run, options)),
    );
  report
    .command('verify <file>')
    .description(
      'recompute every digest of a report: its page, its data with the pictures beside it, or a whole folder',
    )
    .option('--json', 'one object: checked, mismatches')
    .addHelpText(
      'after',
      `
Exit status: 0 everything agrees; 65 something does not (each is named on standard error), or it is no report.

Examples:
  $ specta report verify report/report.html
  $ specta report verify /media/stick/specta-rov-1-R-20260520T093000Z-7d0c6a52`,
    )
    .action(async (file: string, options: { readonly json?: boolean }) =>
      finish(await verify(file, options.json === true)),
    );
}

async function writeReport(name: string, options: RecordChoice & { readonly out?: string }): Promise<number> {
  if (options.out === undefined) {
    throw new SpectaError('USAGE', 'Where the report goes is not said.', 'Name a folder with --out.');
  }
  const [{ makeDossier, evidenceFaults }, { reportFiles }, { writeFiles }] = await Promise.all([
    import('../record/report/dossier.ts'),
    import('../record/report/report-files.ts'),
    import('../record/report/export-run.ts'),
  ]);
  using record = disposable(await recordIn(await stateFolderOf(options)));
  const run = runNamed(record.value, name);
  const report = await makeDossier(record.value, run, { version: productVersion(), madeAtUtcMs: Date.now() });
  const out = resolve(options.out);
  const files = reportFiles(report, true);
  await writeFiles(nodeFiles, out, files);
  const faults = evidenceFaults(report.dossier);
  for (const fault of faults) process.stderr.write(`${fault}\n`);
  process.stdout.write(
    `${run.id}: ${counted(report.dossier.findings.length, 'finding')}, ${counted(report.pictures.size, 'picture')}.\n${out}/report.html\n`,
  );
  return faults.length === 0 ? EXIT.ok : EXIT.partial;
}

async function verify(file: string, asJson: boolean): Promise<number> {
  const { verifyReport } = await import('../record/report/verify.ts');
  const { checked, mismatches } = await verifyReport(nodeFiles, resolve(file));
  if (asJson) process.stdout.write(`${JSON.stringify({ checked, mismatches })}\n`);
  else {
    for (const mismatch of mismatches) process.stderr.write(`${mismatch}\n`);
    process.stdout.write(
      mismatches.length === 0
        ? `${counted(checked, 'digest')} recomputed: everything agrees.\n`
        : `${counted(checked, 'digest')} recomputed: ${counted(mismatches.length, 'mismatch').replace(/mismatchs$/, 'mismatches')}.\n`,
    );
  }
  return mismatches.length === 0 ? EXIT.ok : EXIT.data;
}

/** Closes at the end of the scope. */
export function disposable<T extends { close(): void }>(value: T): { readonly value: T } & Disposable {
  return { value, [Symbol.dispose]: () => value.close() };
}
