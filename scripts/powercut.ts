import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type FlashKill, flashKillRun } from '../test/faults/machine-flash-run.ts';
import { cutScenario } from '../test/faults/powercut.ts';
import { SCENARIOS } from '../test/faults/powercut-scenarios.ts';
import { mosquittoMissing } from '../test/fixtures/mosquitto.ts';
import { onStage } from '../test/scenarios/stage.ts';
import { buildRig } from './rig-build.ts';

const USAGE = `Loses the power behind every step that flashing a model takes on the disk, and starts from what is left. Two parts:
  disk     every step on a disk in memory that loses, tears and reorders what was not synced
  machine  SIGKILL of a whole emulated machine (device/rig) in mid-flash, its state on a disk of its own

  npm run test:powercut -- [--full] [--part NAME]... [--seed N] [--outcomes N] [--once] [--only WORDS] [--kills N]

  --full        both parts, and 30 kills of the machine; else the disk alone (with --part machine: 3 kills)
  --part NAME   only this part; may be given again
  --seed N      the same random choices again (1)
  --outcomes N  disk: random survivors of each loss, besides none and all of what was not synced (6)
  --once        disk: do not lose the power again behind every step of the recovery
  --only WORDS  disk: only scenarios with these words in their name
  --kills N     machine: so many kills

Exit status: 0 nothing bricked; 1 after some loss the vehicle had no whole model, or neither the old nor the new one; 2 it
could not be run.`;

const PARTS = ['disk', 'machine'] as const;

/** More would only repeat themselves. */
const MOST_SHOWN = 10;

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${name} ${text} is no whole number`);
}

function tellBricked(bricked: readonly string[]): void {
  for (const sentence of bricked.slice(0, MOST_SHOWN)) console.log(`BRICKED  ${sentence}`);
  if (bricked.length > MOST_SHOWN) console.log(`BRICKED  … and ${bricked.length - MOST_SHOWN} more`);
}

/** @returns how often it was bricked */
async function disk(
  plan: { readonly outcomes: number; readonly seed: number; readonly twice: boolean },
  words: string,
): Promise<number> {
  console.log('points   starts  bricked  scenario');
  const begin = performance.now();
  let points = 0;
  let starts = 0;
  const bricked: string[] = [];
  for (const scenario of SCENARIOS.filter(({ name }) => name.includes(words))) {
    const report = await cutScenario(scenario, plan);
    points += report.points;
    starts += report.starts;
    bricked.push(...report.bricked);
    const cells = [
      String(report.points).padStart(6),
      String(report.starts).padStart(7),
      String(report.bricked.length).padStart(7),
      scenario.name,
    ];
    console.log(cells.join('  '));
  }
  tellBricked(bricked);
  const seconds = Math.round((performance.now() - begin) / 1000);
  console.log(`${starts} starts from what the losses left, ${seconds} s`);
  console.log(`${points} points, bricked ${bricked.length}`);
  return bricked.length;
}

function printKill({ number, stage, afterMs, version, switched, serves, isNew, seconds }: FlashKill): void {
  const cells = [
    String(number).padStart(5),
    `${seconds.toFixed(1)} s`.padStart(8),
    stage.padEnd(7),
    `${afterMs} ms`.padStart(9),
    version.padEnd(7),
    (switched ? 'in use' : 'not yet').padEnd(7),
    `${serves} (${isNew ? 'the new one' : 'the old one'})`,
  ];
  console.log(cells.join('  '));
}

/** @returns how often it was bricked */
async function machine(kills: number, seed: number): Promise<number> {
  await buildRig(resolve(import.meta.dirname, '..'), new Set(['x64']), false);
  // The emulator would go on without this process.
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  console.log(`seed ${seed}`);
  console.log(' kill  lived to  stage   behind it  flashed  at that  the next boot serves');
  const begin = performance.now();
  let count = 0;
  await onStage(async (stage) => {
    const result = await flashKillRun(stage, { kills, seed, signal: stop.signal, onKill: printKill });
    const { replays, served, refused, ended, bricked } = result;
    count = bricked.length;
    for (const answer of refused) console.log(`REFUSED  ${answer}`);
    tellBricked(bricked);
    const seconds = Math.round((performance.now() - begin) / 1000);
    console.log(
      `machine: ${seconds} s; journal replayed by ${replays} boots; the new model served after ${served.fresh} kills, the old one after ${served.old}; ${refused.length} flashes refused; ${ended} daemons ended by themselves`,
    );
    console.log(`${kills} kills in mid-flash, bricked ${count}`);
  });
  return count;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      full: { type: 'boolean', default: false },
      part: { type: 'string', multiple: true },
      kills: { type: 'string' },
      outcomes: { type: 'string', default: '6' },
      seed: { type: 'string', default: '1' },
      once: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const wanted: readonly string[] = values.part ?? (values.full ? PARTS : ['disk']);
  const unknown = wanted.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`--part ${unknown}: there are ${PARTS.join(', ')}`);
  const seed = wholeNumber('seed', values.seed);
  const outcomes = wholeNumber('outcomes', values.outcomes);
  const kills = wholeNumber('kills', values.kills ?? (values.full ? '30' : '3'));
  let bricked = 0;
  if (wanted.includes('machine')) {
    if (mosquittoMissing !== null) throw new Error(mosquittoMissing);
    bricked += await machine(kills, seed);
  }
  if (wanted.includes('disk')) bricked += await disk({ outcomes, seed, twice: !values.once }, values.only);
  return bricked === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
