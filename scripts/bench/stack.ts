import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import type { Measurement } from '../../src/bench/measurement.ts';
import { runSimulation } from '../../src/footage/simulation.ts';
import { resolveBundle } from '../../src/model/bundle.ts';
import { mosquittoMissing, startMosquitto } from '../../test/fixtures/mosquitto.ts';
import { type DaemonFigures, daemonFigures } from './daemon-figures.ts';

/**
 * SPECTA beside the repaired original stack (Python, OpenCV's decoder and DNN, paho): the same footage, network and
 * broker, in turns, so that a busy machine disturbs both. Prints ratios; what they should be stands beside them.
 */
const command = new Command('bench:stack')
  .description('SPECTA beside the repaired original stack in Python, on the same footage, in turns')
  .option('--frames <dir>', 'JPEG pictures; without it 60 of a rendered run are made, 1280x720')
  .option('--count <n>', 'frames in each turn', Number, 600)
  .option('--turns <n>', 'turns; the median of each figure counts', Number, 3)
  .option('--daemon-seconds <n>', 'how long the whole daemon runs in each turn', Number, 20)
  .option('--lanes <n>', 'frames at the same time (SPECTA)', Number, 2)
  .option('--threads <n>', "SPECTA's threads inside one inference", Number, 1)
  .option('--python <file>', 'a Python with cv2 and paho; without it python3 and /usr/bin/python3 are tried')
  .option('--json', 'everything measured, on one line');
command.parse();
const options = command.opts<{
  frames?: string;
  count: number;
  turns: number;
  daemonSeconds: number;
  lanes: number;
  threads: number;
  python?: string;
  json?: boolean;
}>();

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const ORIGINAL = 'specta-32x2';
const DEFAULT = 'specta-separable';

interface Original {
  readonly fps: number;
  readonly cpu_ms_per_frame: number;
  readonly capture_to_verdict_ms: { readonly p50: number; readonly p99: number };
  readonly rss_mb: number;
  readonly first_verdict_ms: number;
  readonly opencv: string;
}

interface Turn {
  readonly original: Original | null;
  /** The original's network, every frame as fast as it goes; and at 30 frames a second. */
  readonly full: Measurement;
  readonly paced: Measurement;
  /** The default bundle, as fast as it goes. */
  readonly small: Measurement;
  /** The whole daemon on the original's network, as fast as it goes. */
  readonly daemon: DaemonFigures;
  /** The whole daemon as it is shipped: the default bundle, a camera of 30 frames a second. */
  readonly shipped: DaemonFigures;
  /** The same with the original's network. */
  readonly steady: DaemonFigures;
}

async function pythonWithOpenCv(): Promise<string | null> {
  for (const python of options.python ? [options.python] : ['python3', '/usr/bin/python3']) {
    try {
      await run(python, ['-c', 'import cv2, numpy, paho.mqtt.client']);
      return python;
    } catch {
      // Not this one: what is missing is told when none has it.
    }
  }
  return null;
}

async function bundleFolder(name: string): Promise<string> {
  return (await resolveBundle(name, join(root, 'models'))).folder;
}

async function specta(frames: string, broker: string, words: readonly string[]): Promise<Measurement> {
  const args = ['bench', '--frames', frames, '--broker', broker, '--json', ...words];
  const lanes = ['--lanes', String(options.lanes), '--threads', String(options.threads)];
  const { stdout } = await run(process.execPath, [join(root, 'scripts/specta.mjs'), ...args, ...lanes]);
  return JSON.parse(stdout);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}

async function measure(frames: string): Promise<Turn[]> {
  const python = await pythonWithOpenCv();
  if (python === null) {
    process.stderr.write(
      'skipped: the original stack (no Python with cv2 and paho: sudo apt-get install -y python3-opencv python3-paho-mqtt)\n',
    );
  }
  const mosquitto = await startMosquitto({ configuration: ['log_type none'] });
  const turns: Turn[] = [];
  try {
    const [model, small] = await Promise.all([bundleFolder(ORIGINAL), bundleFolder(DEFAULT)]);
    const count = String(options.count);
    const daemon = (of: string, rate: number | null): Promise<DaemonFigures> =>
      daemonFigures({ frames, model: of, rate, seconds: options.daemonSeconds, broker: mosquitto.url });
    for (let turn = 0; turn < options.turns; turn += 1) {
      const script = join(import.meta.dirname, 'original_stack.py');
      const words = [script, frames, model, count, String(mosquitto.port), '2'];
      turns.push({
        original: python === null ? null : JSON.parse((await run(python, words)).stdout),
        full: await specta(frames, mosquitto.url, ['--model', model, '--count', count]),
        paced: await specta(frames, mosquitto.url, ['--model', model, '--count', '450', '--rate', '30']),
        small: await specta(frames, mosquitto.url, ['--model', small, '--count', count]),
        daemon: await daemon(model, null),
        shipped: await daemon(small, 30),
        steady: await daemon(model, 30),
      });
      process.stderr.write(`turn ${turn + 1} of ${options.turns} done\n`);
    }
  } finally {
    await mosquitto.stop();
  }
  return turns;
}

/** One line: what, the median over the turns, what was asked for, and whether it was reached. */
function line(
  what: string,
  values: readonly number[],
  unit: string,
  wanted: string,
  holds: (value: number) => boolean,
): string {
  const value = median(values);
  const all = values.map((each) => each.toFixed(2)).join(' ');
  return `${what.padEnd(58)} ${value.toFixed(2).padStart(8)} ${unit.padEnd(6)} ${wanted.padEnd(10)} ${holds(value) ? 'held  ' : 'MISSED'}  (${all})`;
}

function report(turns: readonly Turn[]): string[] {
  const [first] = turns;
  const memory: readonly (readonly [string, (turn: Turn) => DaemonFigures])[] = [
    [`${DEFAULT} at 30 a second`, ({ shipped }) => shipped],
    [`${ORIGINAL} at 30 a second`, ({ steady }) => steady],
    [`${ORIGINAL} as fast as it goes`, ({ daemon }) => daemon],
  ];
  const lines = [
    `${first.full.picture}, ${options.count} frames a turn, ${turns.length} turns; ${first.full.machine}`,
    `SPECTA: ${first.full.lanes} lanes of ${first.full.threads} threads, ${first.full.model} and ${first.small.model}`,
  ];
  const originals = turns.flatMap(({ original }) => (original === null ? [] : [original]));
  if (originals.length === turns.length) {
    const of = (key: 'fps' | 'cpu_ms_per_frame' | 'rss_mb'): string =>
      median(originals.map((each) => each[key])).toFixed(1);
    lines.push(
      `original stack (OpenCV ${originals[0].opencv}): ${of('fps')} frames a second, ${of('cpu_ms_per_frame')} CPU-ms a frame, ${of('rss_mb')} MB`,
    );
  }
  const full = (of: (turn: Measurement) => number): number[] => turns.map((turn) => of(turn.full));
  lines.push(
    `SPECTA, ${ORIGINAL}: ${median(full(({ fps }) => fps)).toFixed(1)} frames a second, ` +
      `${median(full((m) => m.cpu_ms_per_frame)).toFixed(1)} CPU-ms a frame; bound ${median(full(({ bound }) => bound.fps)).toFixed(1)} frames a second`,
    '',
  );
  if (originals.length === turns.length) {
    lines.push(
      line(
        'frames a second, times the original',
        turns.map(({ full: ours }, index) => ours.fps / originals[index].fps),
        '',
        '>= 2.5',
        (value) => value >= 2.5,
      ),
      line(
        'CPU a frame, share of the original',
        turns.map(({ full: ours }, index) => ours.cpu_ms_per_frame / originals[index].cpu_ms_per_frame),
        '',
        '<= 0.55',
        (value) => value <= 0.55,
      ),
    );
  }
  lines.push(
    line(
      'share of the bound of decode and engine alone',
      full(({ bound }) => bound.share),
      '',
      '>= 0.85',
      (value) => value >= 0.85,
    ),
    line(
      'capture to verdict at 30 frames a second, p99',
      turns.map(({ paced }) => paced.capture_to_verdict_ms.p99),
      'ms',
      '< 33',
      (value) => value < 33,
    ),
    line(
      `CPU a frame of ${DEFAULT}, share of ${ORIGINAL}`,
      turns.map(({ full: ours, small }) => small.cpu_ms_per_frame / ours.cpu_ms_per_frame),
      '',
      '<= 0.5',
      (value) => value <= 0.5,
    ),
    ...memory.map(([what, of]) =>
      line(
        `the whole daemon: memory, ${what}`,
        turns.map((turn) => of(turn).rss_mb),
        'MB',
        '<= 200',
        (value) => value <= 200,
      ),
    ),
    line(
      'the whole daemon: first verdict after the start',
      turns.map(({ daemon }) => daemon.first_verdict_ms),
      'ms',
      '<= 1500',
      (value) => value <= 1500,
    ),
    line(
      'the whole daemon: event-loop delay at full rate, p99',
      turns.map(({ daemon }) => daemon.event_loop_delay_p99_ms),
      'ms',
      '<= 5',
      (value) => value <= 5,
    ),
    '',
    `the whole daemon: ${median(turns.map(({ daemon }) => daemon.fps)).toFixed(1)} frames a second, ` +
      `${median(turns.map(({ daemon }) => daemon.cpu_ms_per_frame)).toFixed(1)} CPU-ms a frame, most memory ` +
      `${median(turns.map(({ daemon }) => daemon.rss_peak_mb)).toFixed(0)} MB; ` +
      `the pipeline alone (bench): ${median(full(({ rss_mb }) => rss_mb)).toFixed(0)} MB`,
  );
  return lines;
}

if (mosquittoMissing !== null) {
  process.stderr.write(`skipped: ${mosquittoMissing}\n`);
} else {
  const made = options.frames === undefined ? await mkdtemp(join(tmpdir(), 'specta-footage-')) : null;
  try {
    const frames = options.frames ?? join(made ?? '', 'run');
    if (made !== null && !existsSync(frames)) {
      const picture = { seed: 7, width: 1280, height: 720, defects: 'many', seconds: 12, rate: 5 } as const;
      await runSimulation({ out: frames, what: { kind: 'run', options: picture }, workers: null }, {});
    }
    const turns = await measure(frames);
    process.stdout.write(`${options.json ? JSON.stringify(turns) : report(turns).join('\n')}\n`);
  } finally {
    if (made !== null) await rm(made, { recursive: true });
  }
}
