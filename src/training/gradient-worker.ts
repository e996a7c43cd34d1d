import { parentPort, workerData } from 'node:worker_threads';
import type { OutputKind } from '../domain/manifest.ts';
import { toErrorRecord } from '../platform/errors.ts';
import { BatchMaker } from './batch-maker.ts';
import { flatLayout, flatViews } from './flat-layout.ts';
import type { GradientAnswer, GradientJob, GradientWorkerData } from './gradient-pool.ts';
import { GradientRunner, type Gradients, type TrainingBatch } from './gradient-runner.ts';
import { networkParameters, networkStatistics } from './network.ts';
import { createRandom } from './random.ts';

const { network, microBatch, samples, options, parameters, gradients } = workerData as GradientWorkerData;
const trained = networkParameters(network);
const parameterLayout = flatLayout(trained);
const gradientLayout = flatLayout([...trained, ...networkStatistics(network)]);
const random = createRandom(options.seed);
const maker = new BatchMaker(network, samples, microBatch, options);
const shared = new Float32Array(parameters);
const own = new Float32Array(parameterLayout.length);
const ownParameters = flatViews(parameterLayout, own);

function answer(message: GradientAnswer): void {
  parentPort?.postMessage(message);
}

async function work(runner: GradientRunner, job: GradientJob): Promise<void> {
  const { slot, epoch, start, indices, count } = job;
  own.set(shared);
  // Streams by epoch and place alone: whoever does the job, and after whatever, the numbers are the same.
  const epochRandom = random.fork(100 + epoch);
  const pictures = epochRandom.fork(2);
  const batch = maker.make(indices, count, (place) => pictures.fork(start + place));
  const result = await runner.run(ownParameters, batch, epochRandom.fork(1).fork(start));
  const length = gradientLayout.length;
  const into = flatViews(gradientLayout, new Float32Array(gradients, 4 * slot * length, length));
  for (const [name, values] of [...result.byParameter, ...result.seen]) into.get(name)?.set(values);
  answer({
    kind: 'done',
    slot,
    loss: result.loss,
    right: countRight(network.output.kind, result, batch, count),
  });
}

/** Pictures whose every output is on the right side of one half, or whose likeliest class is the right one. */
function countRight(
  kind: OutputKind,
  { logits }: Gradients,
  { targets }: TrainingBatch,
  count: number,
): number {
  const { units } = network.output;
  let right = 0;
  for (let picture = 0; picture < count; picture++) {
    const said = logits.subarray(picture * units, (picture + 1) * units);
    const wanted = targets.subarray(picture * units, (picture + 1) * units);
    const likeliest = said.indexOf(Math.max(...said));
    const all =
      kind === 'softmax' ? wanted[likeliest] === 1 : said.every((z, u) => z >= 0 === wanted[u] >= 0.5);
    if (all) right++;
  }
  return right;
}

try {
  const runner = await GradientRunner.create(network, { batch: microBatch, threads: 1 });
  parentPort?.on('message', (job: GradientJob) => {
    work(runner, job).catch((error: unknown) => answer({ kind: 'failed', error: toErrorRecord(error) }));
  });
  answer({ kind: 'ready' });
} catch (error) {
  answer({ kind: 'failed', error: toErrorRecord(error) });
}
