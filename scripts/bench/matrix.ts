import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import type { Measurement } from '../../src/bench/measurement.ts';
import { runSimulation } from '../../src/footage/simulation.ts';
import { mosquittoMissing, startMosquitto } from '../../test/fixtures/mosquitto.ts';

/** `specta bench` over sizes, formats and cores, on rendered footage, each in a process of its own. */
const command = new Command('bench:matrix')
  .description('specta bench at 1280x720 and 1920x1080, MJPEG and YUYV, on one core and on two')
  .option('--model <bundle>', 'a bundle folder, or name[@version]', 'specta-32x2')
  .option('--count <n>', 'frames in each run', Number, 300)
  .option('--footage <dir>', 'where rendered footage is kept between runs (default: nowhere)')
  .option('--json', 'everything measured, a line each');
command.parse();
const options = command.opts<{ model: string; count: number; footage?: string; json?: boolean }>();

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const SIZES = [
  [1280, 720],
  [1920, 1080],
] as const;
const PICTURES = 30;

async function measure(words: readonly string[], cores: number): Promise<Measurement> {
  const specta = [process.execPath, join(root, 'scripts/specta.mjs'), 'bench', ...words, '--json'];
  const [program, ...rest] =
    cores < availableParallelism() ? ['taskset', '-c', `0-${cores - 1}`, ...specta] : specta;
  const { stdout } = await run(program, rest);
  return JSON.parse(stdout);
}

const made = options.footage === undefined ? await mkdtemp(join(tmpdir(), 'specta-footage-')) : null;
const mosquitto =
  mosquittoMissing === null ? await startMosquitto({ configuration: ['log_type none'] }) : null;
try {
  if (options.json !== true) {
    process.stdout.write(
      'picture          cores  lanes   fps   CPU ms  verdict p50/p95/p99 ms  PUBACK p99  loop p99  RSS MB  first ms  bound fps  share\n',
    );
  }
  for (const [width, height] of SIZES) {
    const frames = join(options.footage ?? made ?? '', `run-${width}x${height}`);
    if (!existsSync(frames)) {
      const picture = { seed: 7, width, height, defects: 'many', seconds: PICTURES / 5, rate: 5 } as const;
      await runSimulation({ out: frames, what: { kind: 'run', options: picture }, workers: null }, {});
    }
    for (const format of ['mjpeg', 'yuyv']) {
      for (const cores of availableParallelism() > 1 ? [1, 2] : [1]) {
        const words = ['--frames', frames, '--format', format, '--model', options.model];
        const broker = mosquitto ? ['--broker', mosquitto.url] : [];
        const found = await measure([...words, ...broker, '--count', String(options.count)], cores);
        if (options.json === true) {
          process.stdout.write(`${JSON.stringify(found)}\n`);
          continue;
        }
        const { p50, p95, p99 } = found.capture_to_verdict_ms;
        const cells = [
          found.picture.padEnd(16),
          String(cores).padStart(5),
          String(found.lanes).padStart(6),
          found.fps.toFixed(1).padStart(6),
          found.cpu_ms_per_frame.toFixed(1).padStart(8),
          `${p50.toFixed(1)} / ${p95.toFixed(1)} / ${p99.toFixed(1)}`.padStart(23),
          (found.capture_to_puback_ms?.p99.toFixed(1) ?? '-').padStart(11),
          found.event_loop_delay_ms.p99.toFixed(1).padStart(9),
          found.rss_mb.toFixed(0).padStart(7),
          found.first_verdict_ms.toFixed(0).padStart(9),
          found.bound.fps.toFixed(1).padStart(10),
          found.bound.share.toFixed(2).padStart(6),
        ];
        process.stdout.write(`${cells.join(' ')}\n`);
      }
    }
  }
} finally {
  await mosquitto?.stop();
  if (made !== null) await rm(made, { recursive: true });
}
