import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { OutputKind } from '../domain/manifest.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles, writeDurably } from '../platform/files.ts';
import { evaluateBothWays, type SaidOfSample } from './evaluate.ts';
import { type FoldRecord, parseFold, writtenFold } from './fold-record.ts';
import { loadData } from './load-data.ts';
import type { Progress } from './progress.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';
import { type TrainRequest, trainBundle } from './train.ts';

/** What is trained for every fold, and where it goes. */
export interface LeaveOneOutRequest {
  /** Everything but what a fold decides. */
  readonly train: Omit<TrainRequest, 'out' | 'leaveOut' | 'only' | 'checkpoint' | 'initial'>;
  /** The sources, each left out once; several joined by `+` are left out together. */
  readonly folds: readonly string[];
  readonly out: string;
  /** The options in words: folds of other options in `out` are refused. Paths need not be in it. */
  readonly words: string;
}

export interface LeaveOneOut {
  readonly output: OutputKind;
  readonly folds: readonly Fold[];
}

/** One training and what it said of the source it never saw. */
export interface Fold {
  readonly sources: string;
  /** Of the bundle's manifest. */
  readonly digest: string;
  readonly asIs: readonly SaidOfSample[];
  readonly equalised: readonly SaidOfSample[];
}

/** Groups that a class must have at least: checking takes one, and choosing one only where three are left. */
const LEAST_GROUPS = 4;
/** Steps between two checkpoints. */
const CHECKPOINT_STEPS = 200;

/**
 * For each fold: trains without its sources, then judges them, as they are and equalised. The training is asked to
 * leave the sources out before a picture is opened, and early stopping, thresholds and everything else are its own
 * affair: nothing can be chosen on what is left out. A finished fold is written and not done again; one that was cut
 * off goes on from its checkpoint.
 * Throws `USAGE` for folds of other options in `out`, a fold named twice or without pictures; `DATA_INVALID` where a photo
 * (or, with groups joined, a near-duplicate) is on both sides of a fold; else as `loadData` and `trainBundle`.
 */
export async function leaveOneOut(
  request: LeaveOneOutRequest,
  progress: Progress,
  now: () => number,
  signal?: AbortSignal,
): Promise<LeaveOneOut> {
  const { train, out } = request;
  const key = createHash('sha256').update(request.words).digest('hex');
  const [twice] = request.folds.filter((each, index) => request.folds.indexOf(each) !== index);
  if (twice !== undefined) {
    throw new SpectaError(
      'USAGE',
      `${twice} is left out twice`,
      'Name each source, or each sum of them, once.',
    );
  }
  const folds: Fold[] = [];
  let everything: readonly Sample[] | undefined;
  for (const sources of request.folds) {
    const folder = join(out, sources);
    const done = await finishedFold(folder, key);
    if (done) {
      progress.say(`without ${sources}: done before`);
      folds.push(done);
      continue;
    }
    everything ??= await loadEverything(request, progress, now, signal);
    const fold = await runFold({ ...request, sources, folder, everything }, progress, now, signal);
    await nodeFiles.mkdir(folder);
    const text = JSON.stringify(writtenFold(fold, key, request.words));
    await writeDurably(nodeFiles, join(folder, 'fold.json'), new TextEncoder().encode(`${text}\n`));
    folds.push(fold);
  }
  return { output: train.output, folds };
}

async function finishedFold(folder: string, key: string): Promise<Fold | null> {
  const path = join(folder, 'fold.json');
  if ((await nodeFiles.stat(path)) === null) return null;
  const record: FoldRecord = parseFold(new TextDecoder().decode(await nodeFiles.readFile(path)), path);
  if (record.key === key) return record.fold;
  throw new SpectaError(
    'USAGE',
    `${path} was made with other options: ${record.words}`,
    'Name another folder with --out, or remove that one.',
  );
}

/** All pictures, for measuring alone; looked through here for what would be on both sides of a fold. */
async function loadEverything(
  { train, folds }: LeaveOneOutRequest,
  progress: Progress,
  now: () => number,
  signal: AbortSignal | undefined,
): Promise<readonly Sample[]> {
  const { render: _, ...data } = train;
  const { input } = train.network({ kind: train.output, units: DEFECT_CLASSES.length });
  const { samples } = await loadData({ ...data, size: input }, progress, now, signal);
  for (const sources of folds) checkFold(sources, samples);
  return samples;
}

/** Throws `USAGE` for a fold without pictures, `DATA_INVALID` for one that shares a photo with what is trained on. */
function checkFold(sources: string, samples: readonly Sample[]): void {
  const leaveOut = sources.split('+');
  const known = new Set(samples.map(({ source }) => source));
  const unknown = leaveOut.filter((source) => !known.has(source));
  if (unknown.length > 0) {
    throw new SpectaError(
      'USAGE',
      `no picture is of ${unknown.join(', ')}`,
      `The sources are ${[...known].sort().join(', ')}.`,
    );
  }
  const left = new Set(samples.flatMap(({ source, group }) => (leaveOut.includes(source) ? [group] : [])));
  const shared = samples.find(({ source, group }) => !leaveOut.includes(source) && left.has(group));
  if (shared === undefined) return;
  throw new SpectaError(
    'DATA_INVALID',
    `with ${sources} left out, ${shared.source} would still train on pictures of the group ${shared.group}, which has both`,
    'Leave such sources out together: join them with + in --sources.',
  );
}

interface FoldRequest extends LeaveOneOutRequest {
  readonly sources: string;
  readonly folder: string;
  readonly everything: readonly Sample[];
}

async function runFold(
  { train, sources, folder, everything }: FoldRequest,
  progress: Progress,
  now: () => number,
  signal: AbortSignal | undefined,
): Promise<Fold> {
  const leaveOut = sources.split('+');
  const left = everything.filter(({ source }) => leaveOut.includes(source));
  const rest = everything.filter(({ source }) => !leaveOut.includes(source));
  progress.say(`without ${sources}: ${rest.length} pictures to train on, ${left.length} to judge`);
  const together = train.together.filter((source) => {
    const class_ = scarceClass(rest, source);
    if (class_ === null) return true;
    progress.say(
      `${source} is split by file in this fold: else only training would have ${class_}. Its validation is too kind; what is left out is not touched by that.`,
    );
    return false;
  });
  await nodeFiles.mkdir(folder);
  const { bundle } = await trainBundle(
    {
      ...train,
      together,
      // A source that is split by file has near-duplicates: they go to one side rather than stop the fold.
      ...(together.length < train.together.length && { duplicates: 'join' as const }),
      leaveOut,
      out: join(folder, 'left-out', '0.0.1'),
      checkpoint: { file: join(folder, 'checkpoint'), everySteps: CHECKPOINT_STEPS },
    },
    progress,
    now,
    signal,
  );
  const options = { threads: train.threads, ...(signal && { signal }) };
  const { asIs, equalised } = await evaluateBothWays(bundle, left, rest, options, progress, now);
  return { sources, digest: bundle.digest, asIs: asIs.said, equalised: equalised.said };
}

/** A class that too few groups have while the source counts as one group; null where there is none. */
function scarceClass(samples: readonly Sample[], source: string): string | null {
  for (const name of CLASS_ORDER) {
    const having = samples.filter((sample) => mainClass(sample) === name);
    const groups = new Set(having.map(({ group }) => group));
    if (groups.size < LEAST_GROUPS && having.some((sample) => sample.source === source)) return name;
  }
  return null;
}
