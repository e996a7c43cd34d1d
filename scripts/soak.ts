import { execFileSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { mosquittoMissing } from '../test/fixtures/mosquitto.ts';
import { type FigureTrend, LEAST_JUDGED } from '../test/soak/figures.ts';
import { BLOCKS, WARM_UP } from '../test/soak/slope.ts';
import { type SoakProgress, type SoakResult, soakRun } from '../test/soak/soak-run.ts';

const USAGE = `Lets the daemon judge very many frames, as fast as it can, on a clock that goes on with the frames, over real files,
SQLite and Mosquitto, while brokers, camera, clock, disk and models fail, change and come back. Then holds its record
against what a listener with a persistent session heard, and says which of its figures rose.

  npm run soak -- --frames N [--seed N] [--json] [--bundle DIR --film DIR]

  --frames N     frames to be judged
  --seed N       the run with the same random choices (moments on a busy machine still differ)
  --json         one object on standard output; progress goes to standard error
  --bundle DIR   this bundle in place of a tiny one …
  --film DIR     … on these pictures; models are not swapped then

A figure rises when a straight line through the medians of ${BLOCKS} equal stretches, the first ${WARM_UP * 100} % left out, rises by more
than its error explains (one side, 99.5 %) and by enough to matter; judged from ${LEAST_JUDGED.toLocaleString('en')} frames on.

Exit status: 0 nothing lost and nothing rises; 1 an alert was lost, the books do not agree or a figure rises; 2 it could
not be run.`;

function wholeNumber(name: string, text: string | undefined, otherwise: number | null): number {
  if (text === undefined && otherwise !== null) return otherwise;
  const value = Number(text);
  if (text !== undefined && Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} ${text ?? ''} is no whole number above 0`);
}

function clockText(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

function progressLine(progress: SoakProgress, frames: number): string {
  const { seconds, findings, committed, heard, rssBytes, descriptors, troubles } = progress;
  const rate = progress.frames / seconds;
  return [
    `${progress.frames} of ${frames} frames (${((100 * progress.frames) / frames).toFixed(1)} %)`,
    `${rate.toFixed(0)}/s`,
    `to go ${clockText((frames - progress.frames) / rate)}`,
    `simulated ${clockText(progress.simulatedSeconds)}`,
    `findings ${findings}`,
    `committed ${committed}`,
    `heard ${heard}`,
    `${(rssBytes / 1_048_576).toFixed(0)} MiB`,
    `${descriptors} descriptors`,
    troubles.join(', '),
  ].join('  ');
}

function trendLine({ figure, unit, trend, rising, note }: FigureTrend): string {
  const name = figure.padEnd(34);
  if (trend === null) return `${name} too few samples`;
  const { mean, rise, error } = trend;
  const number = (value: number): string => value.toFixed(Math.abs(mean) < 10 ? 3 : 1);
  const verdict = rising === null ? (note ?? 'not judged: the run is too short') : rising ? 'RISES' : 'flat';
  return `${name} ${number(mean).padStart(9)} ${unit.padEnd(4)} rise ${number(rise).padStart(8)} ± ${number(error).padEnd(7)} ${verdict}`;
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    // A release has no history.
    return 'unknown';
  }
}

function print(result: SoakResult): void {
  const { frames, seconds, simulatedSeconds, troubles, drops, trends, faults } = result;
  console.log(
    `\n${frames} frames in ${clockText(seconds)} (${(frames / seconds).toFixed(0)} a second), simulated ${clockText(simulatedSeconds)}`,
  );
  for (const [name, count] of Object.entries(troubles)) console.log(`${name.padEnd(34)} ${count}`);
  console.log(`given up, by part and reason: ${JSON.stringify(drops)}\n`);
  console.log(`over the run behind its warm-up: mean, rise over all of it, standard error of the rise`);
  for (const trend of trends) console.log(trendLine(trend));
  console.log('');
  for (const fault of faults) console.log(`FAULT  ${fault}`);
  console.log(`frames ${frames}`);
  console.log(`findings ${result.findings}`);
  console.log(`alerts committed ${result.committed}`);
  console.log(`delivered ${result.delivered} (told apart by boot and sequence)`);
  console.log(`waiting ${result.waiting}`);
  console.log(`duplicates with the same id ${result.duplicates}`);
  console.log(
    `rising ${result.rising.length}${result.rising.length > 0 ? `: ${result.rising.join(', ')}` : ''}`,
  );
  console.log(`lost ${result.lost}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      frames: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      bundle: { type: 'string' },
      film: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (mosquittoMissing !== null) throw new Error(mosquittoMissing);
  const frames = wholeNumber('frames', values.frames, null);
  const seed = wholeNumber('seed', values.seed, 1 + Math.floor(Math.random() * 1_000_000));
  const { bundle, film } = values;
  if ((bundle === undefined) !== (film === undefined)) throw new Error('--bundle and --film go together');
  const about = {
    commit: commit(),
    seed,
    node: process.version,
    machine: `${process.platform}-${process.arch}`,
  };
  console.error(JSON.stringify(about));
  const result = await soakRun({
    frames,
    seed,
    ...(bundle !== undefined && film !== undefined && { real: { bundle, film } }),
    onProgress: (progress) => console.error(progressLine(progress, frames)),
  });
  if (values.json) console.log(JSON.stringify({ ...about, ...result }));
  else print(result);
  return result.lost > 0 || result.faults.length > 0 || result.rising.length > 0 ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
