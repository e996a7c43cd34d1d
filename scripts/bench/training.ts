import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { DEFECT_CLASSES } from '../../src/domain/verdict.ts';
import { NO_AUGMENT } from '../../src/training/augment.ts';
import { fitNetwork } from '../../src/training/fit.ts';
import { loadData } from '../../src/training/load-data.ts';
import { type Network, parameterCount } from '../../src/training/network.ts';
import { DEFECT_HEAD, presetNetwork } from '../../src/training/network-presets.ts';
import { createProgress } from '../../src/training/progress.ts';
import { renderSamples } from '../../src/training/render/render-samples.ts';
import type { Sample } from '../../src/training/samples.ts';

/**
 * The original's whole training job (2,400 pictures of 400x400, batch 32, network 32x2), by SPECTA and by PyTorch on the
 * same pictures, an epoch of each in turn, so that a busy machine disturbs both. Neither augments; both bring each
 * picture to mean 0 and deviation 1. Pictures are read or rendered before the clock starts.
 */
const options = new Command('training')
  .option('--network <name>', 'a preset, or of the grid', 'specta-32x2')
  .option(
    '--data <folder>',
    'class folders to take pictures from; what is missing is rendered on drawn grounds',
  )
  .option('--pictures <n>', 'how many', Number, 2400)
  .option('--batch <n>', 'pictures for one step', Number, 32)
  .option('--epochs <n>', 'times through all pictures', Number, 10)
  .option('--threads <n>', 'processor threads', Number, 2)
  .option('--python <file>', 'a Python with PyTorch', '/usr/bin/python3')
  .parse()
  .opts<{
    network: string;
    data?: string;
    pictures: number;
    batch: number;
    epochs: number;
    threads: number;
    python: string;
  }>();

/** One epoch: seconds by the clock and of processor time, mean loss in nats. */
interface EpochTime {
  readonly wall: number;
  readonly cpu: number;
  readonly loss: number;
}

const SEED = 1;

async function picturesFor({ input }: Network): Promise<Sample[]> {
  const progress = createProgress(process.stderr, () => performance.now());
  const samples: Sample[] = [];
  if (options.data !== undefined) {
    const asked = { data: options.data, footage: [], together: [], size: input, duplicates: 'join' as const };
    samples.push(...(await loadData(asked, progress, () => performance.now())).samples);
  }
  while (samples.length < options.pictures) {
    const missing = options.pictures - samples.length;
    const drawn = await renderSamples(
      [],
      { count: missing, seed: SEED + samples.length },
      { size: input, channels: 'luma', wanted: () => true },
    );
    samples.push(...drawn.samples);
  }
  return samples.slice(0, options.pictures);
}

/** PyTorch in a process of its own, which waits between its epochs. */
class Yardstick {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterator<string>;

  constructor(network: string, pictures: string, labels: string) {
    const script = join(import.meta.dirname, 'training_torch.py');
    const numbers = [options.batch, options.threads].map(String);
    this.child = spawn(
      options.python,
      ['-W', 'ignore::UserWarning', script, network, pictures, labels, ...numbers],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const { stdout } = this.child;
    if (!stdout) throw new Error('PyTorch has no output');
    this.lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async answer<T>(): Promise<T> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('PyTorch ended; what it said stands above');
    return JSON.parse(value);
  }

  async epoch(): Promise<EpochTime> {
    this.child.stdin?.write('epoch\n');
    return await this.answer();
  }

  async stop(): Promise<void> {
    this.child.stdin?.end();
    if (this.child.exitCode === null) await once(this.child, 'exit');
  }
}

function report(epoch: number, ours: EpochTime, torch: EpochTime): void {
  const cell = ({ wall, cpu, loss }: EpochTime): string =>
    `${wall.toFixed(1).padStart(7)} s, ${cpu.toFixed(1).padStart(7)} s of processor, loss ${loss.toFixed(3)}`;
  const ratio = (kind: 'wall' | 'cpu'): string => (torch[kind] / ours[kind]).toFixed(2);
  console.log(
    `epoch ${epoch}  SPECTA ${cell(ours)}  |  PyTorch ${cell(torch)}  |  PyTorch takes ${ratio('wall')} times, processor ${ratio('cpu')}`,
  );
}

const network = presetNetwork(options.network, DEFECT_HEAD);
const { width, height } = network.input;
const samples = await picturesFor(network);
const folder = await mkdtemp(join(tmpdir(), 'specta-bench-'));
let torch: Yardstick | undefined;
try {
  const file = (name: string): string => join(folder, name);
  await writeFile(file('network.json'), JSON.stringify(network));
  await writeFile(file('pictures'), Buffer.concat(samples.map(({ luma }) => luma)));
  const labels = samples.flatMap(({ defects }) => DEFECT_CLASSES.map((name) => Number(defects.has(name))));
  await writeFile(file('labels'), Buffer.from(Float32Array.from(labels).buffer));
  torch = new Yardstick(file('network.json'), file('pictures'), file('labels'));
  const { torch: version } = await torch.answer<{ torch: string }>();
  console.log(
    `${network.name}, ${width}x${height}, ${parameterCount(network).toLocaleString('en')} parameters; ${samples.length} pictures, ` +
      `${Math.ceil(samples.length / options.batch)} steps of ${options.batch} an epoch; ${options.threads} threads; PyTorch ${version}; ${cpus()[0]?.model}`,
  );
  const all: { ours: EpochTime; torch: EpochTime }[] = [];
  let used = process.cpuUsage();
  await fitNetwork(network, samples, [], {
    rules: {
      preprocessing: { channels: 'luma', resize: 'bilinear', normalisation: 'standard', scale: 1 / 255 },
      classes: ['corrosion', 'crack', 'intact'],
      output: { kind: 'sigmoid', classes: DEFECT_CLASSES },
      calibration: { temperature: 1 },
    },
    augment: NO_AUGMENT,
    seed: SEED,
    epochs: options.epochs,
    batch: options.batch,
    microBatch: 1,
    learningRate: 1e-3,
    threads: options.threads,
    now: () => performance.now(),
    onEpoch: async ({ epoch, seconds, trainingLoss }) => {
      const { user, system } = process.cpuUsage(used);
      const ours = { wall: seconds, cpu: (user + system) / 1e6, loss: trainingLoss };
      const other = await torch?.epoch();
      if (!other) return;
      all.push({ ours, torch: other });
      report(epoch, ours, other);
      used = process.cpuUsage();
    },
  });
  const mean = (of: (each: (typeof all)[number]) => number): number =>
    all.reduce((sum, each) => sum + of(each), 0) / all.length;
  const [ourWall, torchWall] = [mean(({ ours }) => ours.wall), mean(({ torch: t }) => t.wall)];
  const [ourCpu, torchCpu] = [mean(({ ours }) => ours.cpu), mean(({ torch: t }) => t.cpu)];
  console.log(
    `mean of ${all.length} epochs: SPECTA ${ourWall.toFixed(1)} s (processor ${ourCpu.toFixed(1)}), PyTorch ${torchWall.toFixed(1)} s ` +
      `(processor ${torchCpu.toFixed(1)}): PyTorch takes ${(torchWall / ourWall).toFixed(2)} times as long, ` +
      `${(torchCpu / ourCpu).toFixed(2)} times the processor time`,
  );
} finally {
  await torch?.stop();
  await rm(folder, { recursive: true });
}
