import { basename, join } from 'node:path';
import { z } from 'zod';
import type { FindingChange } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { Bundle } from '../domain/manifest.ts';
import { DEFECT_CLASSES, type DefectClass, type Verdict } from '../domain/verdict.ts';
import type { FrameTruth } from '../footage/frame-truth.ts';
import { readTruth } from '../footage/run-folder.ts';
import { SpectaError } from '../platform/errors.ts';
import { createClassifier } from '../vision/classifier.ts';
import { DEFAULT_DECODE_LIMITS } from '../vision/decode.ts';
import { createOnnxEngine } from '../vision/engine/onnx.ts';
import { pictureOfStill } from '../vision/golden.ts';
import { pictureCount } from '../vision/tiles.ts';
import { readPictureFile } from './picture-files.ts';

/** Turns verdicts into findings, as the vehicle does; inspection fits it. */
export interface RunFollower {
  judge(verdict: Verdict): readonly FindingChange[];
  /** Ends the run; closes what is open. */
  stop(atMs: number): readonly FindingChange[];
}

export interface RunOptions {
  readonly threads: number;
  /** Frames in which a defect must be listed to count as one that could be found. */
  readonly leastFrames: number;
  /** A finding may begin or end this much beside its defect, ms. */
  readonly toleranceMs: number;
  readonly follow: (bundle: Bundle) => RunFollower;
  readonly signal?: AbortSignal;
  readonly onFrame?: (done: number, all: number) => void;
}

/** What a bundle and the rules of inspection made of one rendered run. */
export interface RunReport {
  readonly name: string;
  readonly hours: number;
  /** Frames a second; rules that ask for more frames than come in their time find nothing. */
  readonly rate: number;
  /** Defects that were listed in enough frames, and how many of them a finding of their class met. */
  readonly defects: number;
  readonly found: number;
  /** null where there was nothing to find. */
  readonly recall: number | null;
  readonly findings: number;
  /** Findings in whose time no defect of their class was in view, not even a faint one. */
  readonly falseAlerts: number;
  readonly falseAlertsAnHour: number;
  /** Share of the frames that were blind, 0..1. */
  readonly blindShare: number;
}

interface Period {
  readonly defect: DefectClass;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Judges every frame of a rendered run in order. Throws `FOLDER_UNREADABLE`, `FOLDER_EMPTY`, `DATA_INVALID`, and as `readPictureFile`, `Classifier.judge`. */
export async function judgeRun(folder: string, bundle: Bundle, options: RunOptions): Promise<RunReport> {
  const truth = await readTruth(folder);
  checkTruth(truth, folder);
  const engine = await createOnnxEngine({
    modelFile: join(bundle.folder, 'model.onnx'),
    provider: 'cpu',
    threads: options.threads,
    pictures: pictureCount(bundle.manifest),
  });
  const { name, version } = bundle.manifest;
  const model = { name, version, digest: bundle.digest, engine: 'onnx', provider: 'cpu' };
  const limits = DEFAULT_DECODE_LIMITS;
  const classifier = createClassifier({ manifest: bundle.manifest, engine, model, limits, stills: false });
  const follower = options.follow(bundle);
  const findings = new Map<string, Period>();
  const note = (changes: readonly FindingChange[]): void => {
    for (const { finding } of changes) {
      const { id, defect, openedAt, lastSeenAt } = finding;
      findings.set(id, { defect, fromMs: openedAt.monoMs, toMs: lastSeenAt.monoMs });
    }
  };
  let blind = 0;
  try {
    for (const [index, line] of truth.entries()) {
      options.signal?.throwIfAborted();
      const verdict = await classifier.judge(await frameOf(folder, line));
      if (verdict.blind !== null) blind++;
      note(follower.judge(verdict));
      options.onFrame?.(index + 1, truth.length);
    }
  } finally {
    await engine.close();
  }
  const endMs = (truth.at(-1)?.seconds ?? 0) * 1000;
  note(follower.stop(endMs));
  const hours = endMs / 3_600_000;
  const compared = compareFindings([...findings.values()], truth, options);
  return {
    name: basename(folder),
    ...compared,
    hours,
    rate: endMs === 0 ? 0 : (1000 * (truth.length - 1)) / endMs,
    falseAlertsAnHour: hours === 0 ? 0 : compared.falseAlerts / hours,
    blindShare: truth.length === 0 ? 0 : blind / truth.length,
  };
}

/** What is read here of a line of `truth.jsonl`. */
const TruthLine = z.object({
  frame: z.int(),
  file: z.string().min(1),
  seconds: z.number().min(0),
  visible: z.array(z.object({ id: z.string(), defect: z.enum(DEFECT_CLASSES) })),
  faint: z.array(z.string()),
});

function checkTruth(truth: readonly FrameTruth[], folder: string): void {
  const help = 'Render the run again with this version of SPECTA.';
  if (truth.length === 0) throw new SpectaError('FOLDER_EMPTY', `the run ${folder} has no frames`, help);
  for (const [index, line] of truth.entries()) {
    const { error } = TruthLine.safeParse(line);
    if (error) {
      const what = `line ${index + 1} of truth.jsonl in ${folder} is no frame's truth: ${z.prettifyError(error)}`;
      throw new SpectaError('DATA_INVALID', what, help, error);
    }
  }
}

/** Findings against what `truth.jsonl` says was in view. */
export function compareFindings(
  findings: readonly Period[],
  truth: readonly FrameTruth[],
  { leastFrames, toleranceMs }: Pick<RunOptions, 'leastFrames' | 'toleranceMs'>,
): Pick<RunReport, 'defects' | 'found' | 'recall' | 'findings' | 'falseAlerts'> {
  const kinds = new Map<string, DefectClass>();
  const times = new Map<string, number[]>();
  for (const { visible, seconds } of truth) {
    for (const { id, defect } of visible) {
      kinds.set(id, defect);
      times.set(id, [...(times.get(id) ?? []), seconds * 1000]);
    }
  }
  const meets = (finding: Period, ms: number): boolean =>
    ms >= finding.fromMs - toleranceMs && ms <= finding.toMs + toleranceMs;
  const countable = [...times].filter(([, seen]) => seen.length >= leastFrames);
  const found = countable.filter(([id, seen]) =>
    findings.some((finding) => finding.defect === kinds.get(id) && seen.some((ms) => meets(finding, ms))),
  );
  const excused = (finding: Period): boolean =>
    truth.some(
      ({ visible, faint, seconds }) =>
        meets(finding, seconds * 1000) &&
        (visible.some(({ defect }) => defect === finding.defect) ||
          // Of a defect that is faint wherever it is listed the kind is not told.
          faint.some((id) => (kinds.get(id) ?? finding.defect) === finding.defect)),
    );
  return {
    defects: countable.length,
    found: found.length,
    recall: countable.length === 0 ? null : found.length / countable.length,
    findings: findings.length,
    falseAlerts: findings.filter((finding) => !excused(finding)).length,
  };
}

async function frameOf(folder: string, line: FrameTruth): Promise<Frame> {
  const ms = line.seconds * 1000;
  return {
    ...pictureOfStill(await readPictureFile(join(folder, line.file))),
    sequence: line.frame,
    capturedAt: { monoMs: ms, utcMs: ms },
    source: folder,
  };
}
