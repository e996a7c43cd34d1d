import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles } from '../platform/files.ts';
import type { RecordReader } from '../record/read-record.ts';
import type { FieldRecord } from '../training/field-reviews.ts';
import { EXIT } from './exit-codes.ts';
import type { Finish } from './program.ts';

interface ExportOptions {
  readonly record?: string;
  readonly config?: string;
  readonly reviews?: string;
  readonly run?: readonly string[];
  readonly out: string;
  readonly json?: boolean;
}

/** What an alert says of its review; the other fields are not asked for. */
const reviewedAlert = z.object({
  finding: z.string(),
  review: z.enum(['unreviewed', 'confirmed', 'rejected']),
  reviewed: z.object({ by: z.string().nullable(), note: z.string().nullable() }).nullish(),
});

export function registerExportTraining(program: Command, finish: Finish): void {
  program
    .command('export-training')
    .description('make training folders of reviewed findings, to be learnt from')
    .requiredOption('--out <folder>', 'the training folder to make; nothing may be there yet')
    .option('--record <folder>', 'the folder `record` of a state folder, or a whole copy of one')
    .option('--config <file>', 'the record of the daemon that runs with this configuration')
    .option('--reviews <file>', 'reviews beside those of the record: alerts as JSON, one a line')
    .option('--run <id...>', 'only findings of these runs')
    .option('--json', 'one object: folder, counts, passedOver, leftOut')
    .addHelpText(
      'after',
      `
A confirmed finding gives a picture of its defect, a rejected one a picture without it; the group is the run, so that a
run is never on both sides of a split. Findings that are not reviewed give nothing.
Exit status 2: some pictures were gone or changed (each is named).

Examples:
  $ specta export-training --config /etc/specta/specta.yaml --out field-1
  $ specta export-training --record copied/record --out field-1
  $ npm run train -- --data field-1 --init specta-32x2 --out models/specta-32x2/0.2.0`,
    )
    .action(async (options: ExportOptions) => finish(await exportTraining(options)));
}

async function exportTraining(options: ExportOptions): Promise<number> {
  const [{ readRecord }, { fieldPictures }, { writeFieldPictures }] = await Promise.all([
    import('../record/read-record.ts'),
    import('../training/field-reviews.ts'),
    import('../training/field-pictures.ts'),
  ]);
  const folderRead = await recordFolder(options);
  const lines = options.reviews === undefined ? [] : await reviewLines(options.reviews);
  const record = readRecord(nodeFiles, folderRead);
  const { pictures, passedOver } = fieldPictures(fieldRecord(folderRead, record, options.run, lines));
  const written = await writeFieldPictures(options.out, pictures, new Date().toISOString());
  const { folder, counts, leftOut } = written;
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ folder, counts, passedOver, leftOut })}\n`);
  } else {
    const told = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
    process.stdout.write(`${folder}: ${told.join(', ')}\n`);
    for (const [reason, count] of Object.entries(passedOver))
      process.stdout.write(`passed over: ${count} (${reason})\n`);
    for (const { finding, file, reason } of leftOut)
      process.stderr.write(`left out: ${finding}: ${reason} (${file})\n`);
  }
  return leftOut.length > 0 ? EXIT.partial : EXIT.ok;
}

/** @param reviews alerts as JSON that are newer than what the record was told */
function fieldRecord(
  folder: string,
  record: RecordReader,
  wanted: readonly string[] | undefined,
  reviews: readonly string[],
): FieldRecord {
  try {
    const vehicles = new Map(record.runs().map(({ id, vehicle }) => [id, vehicle]));
    return {
      folder,
      findings: record
        .findings(null)
        .filter(({ runId }) => wanted?.includes(runId) ?? true)
        .map((finding) => ({ finding, evidence: record.evidenceOf(finding.id) })),
      vehicleOf: (run) => vehicles.get(run) ?? 'unknown',
      reviews: reviewsOf([...record.alerts(), ...reviews]),
    };
  } finally {
    record.close();
  }
}

async function recordFolder({ record, config }: ExportOptions): Promise<string> {
  if ((record === undefined) === (config === undefined)) {
    throw new SpectaError('USAGE', 'Which record is meant?', 'Give --record or --config, one of them.');
  }
  if (record !== undefined) return resolve(record);
  const { loadConfig } = await import('../daemon/load-config.ts');
  return join(resolve((await loadConfig(config ?? '', process.env)).stateFolder), 'record');
}

async function reviewLines(file: string): Promise<string[]> {
  const text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8').catch((error: unknown) => {
    throw new SpectaError(
      'DATA_INVALID',
      `The reviews ${file} cannot be read.`,
      'Name a file with one alert (JSON) a line, or - for standard input.',
      error,
    );
  });
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** The last word on each finding; a review that was taken back is none. Throws `DATA_INVALID` for what is no alert. */
function reviewsOf(alerts: readonly string[]) {
  const reviews = new Map<
    string,
    { readonly said: 'confirmed' | 'rejected'; readonly by: string | null; readonly note: string | null }
  >();
  alerts.forEach((text, index) => {
    const { finding, review, reviewed } = parsed(text, index);
    if (review === 'unreviewed') reviews.delete(finding);
    else reviews.set(finding, { said: review, by: reviewed?.by ?? null, note: reviewed?.note ?? null });
  });
  return reviews;
}

function parsed(text: string, index: number): z.infer<typeof reviewedAlert> {
  try {
    return reviewedAlert.parse(JSON.parse(text));
  } catch (error) {
    throw new SpectaError(
      'DATA_INVALID',
      `Review ${index + 1} is no alert: it says of no finding whether it is confirmed or rejected.`,
      'Give alerts as specta watch --json or findings/list tells them, one a line.',
      error,
    );
  }
}
