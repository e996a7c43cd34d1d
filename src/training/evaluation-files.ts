import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import { nodeFiles, writeDurably } from '../platform/files.ts';
import { wholeSize } from '../vision/tiles.ts';
import type { EvaluatedSide, Evaluation } from './evaluate.ts';
import { htmlReport } from './html-report.ts';
import { reportLines } from './report.ts';
import type { RunReport } from './run-findings.ts';

export interface EvaluationFacts {
  readonly bundle: Bundle;
  /** Of pictures; null where runs alone were followed. */
  readonly evaluation: Evaluation | null;
  readonly runs: readonly RunReport[];
}

/** The evaluation as an object for JSON: pictures by name, never their pixels; thresholds that nothing passes are null. */
export function evaluationRecord({
  bundle,
  evaluation,
  runs,
}: EvaluationFacts): Readonly<Record<string, unknown>> {
  const { name, version } = bundle.manifest;
  const model = { name, version, digest: bundle.digest };
  if (evaluation === null) return { model, runs };
  const side = ({ report, measures, mistakes }: EvaluatedSide) => ({
    ...report,
    measures,
    mistakes: mistakes.map(({ sample, truth, said, probability }) => {
      return { picture: sample.name, truth, said, probability };
    }),
  });
  const { asIs, equalised, where, missing, unreadable } = evaluation;
  return {
    model,
    ...side(asIs),
    equalised: equalised && side(equalised),
    where,
    runs,
    missing,
    unreadable,
  };
}

/** Writes `evaluation.json` and `evaluation.html` into the folder. Throws `DISK_FULL`, `DISK_FAILED`. */
export async function writeEvaluation(
  folder: string,
  facts: EvaluationFacts,
  words: readonly string[],
): Promise<void> {
  const { bundle, evaluation, runs } = facts;
  const { name, version } = bundle.manifest;
  const page = htmlReport({
    title: `${name} ${version}: evaluation`,
    words: [
      ...words,
      ...(evaluation ? ['The shortcut baseline knows brightness, contrast and sharpness alone.'] : []),
    ],
    size: wholeSize(bundle.manifest),
    evaluation,
    runs,
  });
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  await nodeFiles.mkdir(folder);
  // Infinite numbers become null: JSON has none.
  const record = JSON.stringify(evaluationRecord(facts), null, 1);
  await writeDurably(nodeFiles, join(folder, 'evaluation.json'), encode(`${record}\n`));
  await writeDurably(nodeFiles, join(folder, 'evaluation.html'), encode(page));
}

/** Both sides and the runs as lines of text for people. */
export function evaluationLines({ evaluation, runs }: EvaluationFacts): string[] {
  return [
    ...(evaluation ? pictureLines(evaluation) : []),
    ...runs.map(
      ({ name, hours, falseAlerts, falseAlertsAnHour, found, defects }) =>
        `run ${name}: ${(hours * 60).toFixed(1)} min, ${falseAlerts} false alerts (${falseAlertsAnHour.toFixed(2)} an hour), ${found} of ${defects} defects found`,
    ),
  ];
}

function pictureLines({ asIs, equalised, where }: Evaluation): string[] {
  const side = (heading: string, each: EvaluatedSide): string[] => [
    heading,
    ...reportLines(each.report),
    ...measureLines(each),
    '',
  ];
  return [
    ...side('As is:', asIs),
    ...(equalised ? side('Brightness and contrast redrawn from one distribution:', equalised) : []),
    ...where.map(
      ({ defect, count, found, hit, hitByMiddle, overlap }) =>
        `where is the ${defect}: box found in ${share(found)} of ${count} pictures, its middle on the defect in ${share(hit)} (the picture's middle in ${share(hitByMiddle)}), mean overlap ${overlap.toFixed(2)}`,
    ),
  ];
}

function share(value: number): string {
  return `${(100 * value).toFixed(0)} %`;
}

function measureLines({ measures }: EvaluatedSide): string[] {
  if (measures === null) return [];
  const { curves, reliability, scaled } = measures;
  const area = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(3));
  return [
    ...curves.map(
      ({ name, roc, precision }) =>
        `${name}: area under ROC ${area(roc.network?.area)} (baseline ${area(roc.baseline?.area)}), average precision ${area(precision.network?.area)} (baseline ${area(precision.baseline?.area)})`,
    ),
    `calibration error ${reliability.error.toFixed(3)}, ${scaled.reliability.error.toFixed(3)} with temperatures ${scaled.temperatures.map((value) => value.toFixed(2)).join(' and ')}`,
  ];
}
