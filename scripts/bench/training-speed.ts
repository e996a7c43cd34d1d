import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { Adam } from '../../src/training/adam.ts';
import { NO_AUGMENT } from '../../src/training/augment.ts';
import { type GradientJob, GradientPool } from '../../src/training/gradient-pool.ts';
import type { Network } from '../../src/training/network.ts';
import { parameterCount } from '../../src/training/network.ts';
import { DEFECT_HEAD, PRESET_NAMES, presetNetwork } from '../../src/training/network-presets.ts';
import { initialParameters } from '../../src/training/parameters.ts';
import { createRandom } from '../../src/training/random.ts';
import type { Sample } from '../../src/training/samples.ts';

/**
 * Time of training steps (forward, back, Adam), ours and PyTorch's, in turns, so that a busy machine disturbs both.
 * Ours reads, crops and normalises each picture too; PyTorch is handed ready tensors.
 */
const command = new Command('training-speed')
  .argument('[networks...]', `of ${PRESET_NAMES.join(', ')}`, ['specta-32x2', 'separable-small'])
  .option('--batch <n>', 'pictures for one step', Number, 32)
  .option('--micro-batch <n>', 'pictures at once in a thread (default: 1 of 400x400, else 8)', Number)
  .option('--steps <n>', 'steps in each turn; the first is left out', Number, 4)
  .option('--turns <n>', 'turns', Number, 2)
  .option('--threads <n>', 'processor threads', Number, 2)
  .option('--python <file>', 'a Python with PyTorch; "none" leaves it out', 'python3');
command.parse();
const options = command.opts<{
  batch: number;
  microBatch?: number;
  steps: number;
  turns: number;
  threads: number;
  python: string;
}>();

/** Milliseconds of one step. */
interface StepTimes {
  readonly wall: number[];
  readonly cpu: number[];
}

async function ourSteps(network: Network): Promise<StepTimes> {
  const random = createRandom(1);
  const { width, height } = network.input;
  const microBatch = options.microBatch ?? (width * height > 90_000 ? 1 : 8);
  const samples = Array.from({ length: options.batch }, (_, i): Sample => {
    const defects = new Set(i % 2 === 0 ? (['crack'] as const) : []);
    const luma = Uint8Array.from({ length: width * height }, () => random.integer(256));
    return { file: '', name: `${i}`, group: `${i}`, source: 'noise', kind: 'still', defects, luma };
  });
  const slots = Math.ceil(options.batch / microBatch);
  const pool = await GradientPool.create(network, samples, {
    microBatch,
    slots,
    threads: options.threads,
    seed: 1,
    augment: NO_AUGMENT,
    rules: {
      preprocessing: { channels: 'luma', resize: 'bilinear', normalisation: 'standard', scale: 1 / 255 },
      classes: ['corrosion', 'crack', 'intact'],
      output: { kind: 'sigmoid', classes: ['corrosion', 'crack'] },
      calibration: { temperature: 1 },
    },
  });
  const parameters = initialParameters(network, random);
  const adam = new Adam();
  const times: StepTimes = { wall: [], cpu: [] };
  try {
    for (let step = 0; step < options.steps; step++) {
      const [started, used] = [performance.now(), process.cpuUsage()];
      const jobs = Array.from({ length: slots }, (_, slot): GradientJob => {
        const start = slot * microBatch;
        const indices = Array.from({ length: microBatch }, (_, i) => (start + i) % options.batch);
        return { slot, epoch: step, start, indices, count: Math.min(microBatch, options.batch - start) };
      });
      const results = await pool.run(parameters, jobs);
      for (const { values } of results) adam.step(parameters, values, () => 1 / slots);
      times.wall.push(performance.now() - started);
      const { user, system } = process.cpuUsage(used);
      times.cpu.push((user + system) / 1000);
    }
  } finally {
    await pool.close();
  }
  return times;
}

async function torchSteps(network: Network): Promise<StepTimes> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-bench-'));
  try {
    const file = join(folder, 'network.json');
    await writeFile(file, JSON.stringify(network));
    const script = join(import.meta.dirname, 'torch_step.py');
    const numbers = [options.batch, options.steps, options.threads].map(String);
    const { stdout } = await promisify(execFile)(options.python, [script, file, ...numbers]);
    const { wall, cpu }: StepTimes = JSON.parse(stdout);
    return { wall: wall.map((s) => s * 1000), cpu: cpu.map((s) => s * 1000) };
  } finally {
    await rm(folder, { recursive: true });
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

for (const name of command.args.length > 0 ? command.args : ['specta-32x2', 'separable-small']) {
  const network = presetNetwork(name, DEFECT_HEAD);
  const { width, height } = network.input;
  console.log(`${name}, ${width}x${height}, ${parameterCount(network).toLocaleString('en')} parameters`);
  const ours: StepTimes = { wall: [], cpu: [] };
  const torch: StepTimes = { wall: [], cpu: [] };
  const add = (to: StepTimes, { wall, cpu }: StepTimes): void => {
    to.wall.push(...wall.slice(1));
    to.cpu.push(...cpu.slice(1));
  };
  for (let turn = 0; turn < options.turns; turn++) {
    add(ours, await ourSteps(network));
    if (options.python !== 'none') add(torch, await torchSteps(network));
  }
  const line = (who: string, { wall, cpu }: StepTimes): string =>
    `  ${who.padEnd(8)} ${(median(wall) / options.batch).toFixed(1)} ms a picture, ` +
    `${(median(cpu) / options.batch).toFixed(1)} ms of processor time; ` +
    `step of ${options.batch}: ${(median(wall) / 1000).toFixed(2)} s (best ${(Math.min(...wall) / 1000).toFixed(2)})`;
  console.log(line('SPECTA', ours));
  if (torch.wall.length === 0) continue;
  console.log(line('PyTorch', torch));
  const times = (kind: 'wall' | 'cpu'): string => (median(torch[kind]) / median(ours[kind])).toFixed(2);
  console.log(`  PyTorch takes ${times('wall')} times as long, ${times('cpu')} times the processor time`);
}
