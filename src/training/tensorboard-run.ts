import { appendFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { OutputKind } from '../domain/manifest.ts';
import type { ClassName } from '../domain/verdict.ts';
import { diskError, nodeFiles } from '../platform/files.ts';
import { foremost } from './calibration.ts';
import { CLASS_ORDER, mainClass } from './samples.ts';
import type { Score } from './scorer.ts';
import { confusionPicture, type ShownPicture } from './shown-pictures.ts';
import { type EventValue, recordOf, summaryEvent, versionEvent } from './tensorboard-events.ts';
import type { FitEpoch } from './trainer.ts';

/** The event file of one training run, which TensorBoard reads while it grows. */
export class TensorBoardRun {
  private readonly path: string;
  private readonly utcMs: () => number;

  private constructor(path: string, utcMs: () => number) {
    this.path = path;
    this.utcMs = utcMs;
  }

  /**
   * Begins a file in `folder`, which is made. Throws `DISK_FULL`, `DISK_FAILED`.
   * @param utcMs the time of day
   */
  static async create(folder: string, utcMs: () => number): Promise<TensorBoardRun> {
    await nodeFiles.mkdir(folder);
    const seconds = Math.floor(utcMs() / 1000);
    const run = new TensorBoardRun(join(folder, `events.out.tfevents.${seconds}.${hostname()}`), utcMs);
    await run.append(versionEvent(utcMs()));
    return run;
  }

  /** Adds what there is to show at `step`. Throws `DISK_FULL`, `DISK_FAILED`. */
  async show(step: number, values: readonly EventValue[]): Promise<void> {
    await this.append(summaryEvent(this.utcMs(), step, values));
  }

  /** Adds a picture. */
  async showPicture(step: number, tag: string, picture: ShownPicture): Promise<void> {
    await this.show(step, [{ kind: 'image', tag, ...picture }]);
  }

  /** Adds an epoch's figures and its confusion matrix on the validation side, under the original's names. */
  async showEpoch(epoch: FitEpoch, validation: readonly Score[], kind: OutputKind): Promise<void> {
    const scalars: [string, number][] = [
      ['loss', epoch.trainingLoss],
      ['accuracy', epoch.trainingAccuracy],
      ['val_loss', epoch.validationLoss],
      ['val_accuracy', epoch.validationAccuracy],
      ['learning_rate', epoch.learningRate],
    ];
    const counts = confusionOf(validation, kind);
    await this.show(epoch.epoch, [
      ...scalars.map(([tag, value]): EventValue => ({ kind: 'scalar', tag, value })),
      { kind: 'text', tag: 'confusion', text: confusionTable(counts) },
    ]);
    await this.showPicture(epoch.epoch, 'confusion_matrix', await confusionPicture(CLASS_ORDER, counts));
  }

  private async append(event: Uint8Array): Promise<void> {
    try {
      await appendFile(this.path, recordOf(event));
    } catch (error) {
      throw diskError(error, 'write', this.path);
    }
  }
}

/**
 * Pictures by true class (rows) and by the class that was said (columns), in the order of `CLASS_ORDER`. Said is what
 * has the most of a softmax, of sigmoids the more urgent defect from one half on.
 */
export function confusionOf(scores: readonly Score[], kind: OutputKind): number[][] {
  const counts = CLASS_ORDER.map(() => CLASS_ORDER.map(() => 0));
  for (const { sample, probabilities } of scores) {
    const passes = (name: ClassName): boolean => (probabilities[name] ?? 0) >= 0.5;
    const urgent: ClassName = passes('crack') ? 'crack' : passes('corrosion') ? 'corrosion' : 'intact';
    const said = kind === 'softmax' ? foremost(probabilities, kind).name : urgent;
    counts[CLASS_ORDER.indexOf(mainClass(sample))][CLASS_ORDER.indexOf(said)]++;
  }
  return counts;
}

function confusionTable(counts: readonly (readonly number[])[]): string {
  return [
    `| true \\ said | ${CLASS_ORDER.join(' | ')} |`,
    `|---|${CLASS_ORDER.map(() => '---').join('|')}|`,
    ...counts.map((row, index) => `| ${CLASS_ORDER[index]} | ${row.join(' | ')} |`),
  ].join('\n');
}
