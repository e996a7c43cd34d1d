import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import { SpectaError } from '../platform/errors.ts';
import { createOnnxEngine } from '../vision/engine/onnx.ts';
import { createGatekeeper } from '../vision/gates.ts';
import { createPreprocessor } from '../vision/preprocess.ts';
import { labelOf, probabilitiesOf } from '../vision/probabilities.ts';
import { type DataRequest, loadData } from './load-data.ts';
import type { Judgement } from './metrics.ts';
import type { Progress } from './progress.ts';
import { type EvaluationReport, evaluationReport } from './report.ts';
import type { Sample } from './samples.ts';
import { fitShortcutBaseline } from './shortcut-baseline.ts';
import { parseVerdictLines } from './verdict-lines.ts';

export interface EvaluateRequest extends Omit<DataRequest, 'size'> {
  readonly bundle: Bundle;
  /** File with lines of `specta classify --json`; without it the pictures are judged here. */
  readonly verdicts?: string;
  /** Judge every picture, for data that the model has never seen; the baseline then learns from them too. */
  readonly everything: boolean;
  readonly threads: number;
}

export interface Evaluation {
  readonly report: EvaluationReport;
  /** Held-out pictures about which the verdicts say nothing. */
  readonly missing: readonly string[];
  /** Held-out pictures that could not be read. */
  readonly unreadable: readonly string[];
}

/**
 * Measures a bundle on the groups it was not trained on, beside the shortcut baseline, which is fitted to all other
 * groups of the same data. Throws `DATA_INVALID` where no picture is of a held-out group.
 */
export async function evaluateBundle(
  request: EvaluateRequest,
  progress: Progress,
  now: () => number,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const { bundle, everything } = request;
  const { input, provenance } = bundle.manifest;
  const { samples, unreadable } = await loadData({ ...request, size: input }, progress, now, signal);
  const held = new Set(provenance.heldOutGroups);
  const judgedSamples = everything ? samples : samples.filter(({ group }) => held.has(group));
  if (judgedSamples.length === 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `no picture is of a group that ${bundle.manifest.name}@${bundle.manifest.version} was not trained on`,
      'Give the data it was trained from, or --everything for pictures that it has never seen.',
    );
  }
  const baseline = fitShortcutBaseline(
    everything ? samples : samples.filter(({ group }) => !held.has(group)),
    input,
  );
  const judgements =
    request.verdicts === undefined
      ? await judgeAll(judgedSamples, request, progress, now, signal)
      : await readVerdicts(request.verdicts);
  const judged = judgedSamples.flatMap((sample) => {
    const network = judgements.get(sample.file);
    return network === undefined ? [] : [{ sample, network, baseline: baseline.judge(sample) }];
  });
  return {
    report: evaluationReport(judged),
    missing: judgedSamples.filter(({ file }) => !judgements.has(file)).map(({ file }) => file),
    unreadable: unreadable.map(({ file }) => file),
  };
}

async function readVerdicts(file: string): Promise<ReadonlyMap<string, Judgement>> {
  const text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8').catch((error: unknown) => {
    throw new SpectaError(
      'DATA_INVALID',
      `the verdicts ${file} cannot be read`,
      'Name a file with the output of `specta classify … --json`, or - for standard input.',
      error,
    );
  });
  return parseVerdictLines(text, process.cwd()).judgements;
}

async function judgeAll(
  samples: readonly Sample[],
  { bundle, threads }: EvaluateRequest,
  progress: Progress,
  now: () => number,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Judgement>> {
  const { manifest } = bundle;
  const preprocessor = createPreprocessor(manifest.preprocessing, manifest.input);
  const gates = createGatekeeper(manifest.gates, manifest.input);
  const engine = await createOnnxEngine({
    modelFile: join(bundle.folder, 'model.onnx'),
    provider: 'cpu',
    threads,
  });
  const judgements = new Map<string, Judgement>();
  const started = now();
  try {
    for (const [index, { file, luma }] of samples.entries()) {
      signal?.throwIfAborted();
      const { width, height } = manifest.input;
      const picture = preprocessor.run({ width, height, data: luma });
      gates.forget();
      const blind = gates.judge(picture).blind !== null;
      const label = blind
        ? 'blind'
        : labelOf(probabilitiesOf(await engine.run(picture.tensor), manifest), manifest);
      judgements.set(file, label);
      progress.show('judging', index + 1, samples.length, started);
    }
  } finally {
    await engine.close();
  }
  return judgements;
}
