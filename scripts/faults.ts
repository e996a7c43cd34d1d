import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { consoleRun } from '../test/faults/console-run.ts';
import { fleetRun } from '../test/faults/fleet-run.ts';
import { type KillReport, killRun } from '../test/faults/kill-run.ts';
import { type MachineKill, machineKillRun } from '../test/faults/machine-run.ts';
import { networkRun, TROUBLES } from '../test/faults/network-run.ts';
import { outageRun } from '../test/faults/outage-run.ts';
import { stepRun } from '../test/faults/step-run.ts';
import { mosquittoMissing } from '../test/fixtures/mosquitto.ts';
import { onStage } from '../test/scenarios/stage.ts';
import { buildRig } from './rig-build.ts';

const USAGE = `Lets everything fail between an alert and the surface, then counts. Seven parts:
  steps    the process dies at every step of an alert's life: each statement, send, answer
  network  latency, black holes, torn packets, slow drains, flapping, a broker that dies and forgets
  outage   simulated hours without a broker, an alert every 10 s
  console  the console is off for simulated hours, with the broker's memory lost meanwhile and without that
  fleet    50 vehicles with an alert and a picture a second each through one broker to one console
  kills    SIGKILL of the whole daemon at random moments while the broker comes and goes
  machine  SIGKILL of a whole emulated machine (device/rig) at random moments, its state on a disk of its own

  npm run test:faults -- [--full] [--part NAME]... [--kills N] [--seed N] [--json]

  --full         every step, 10 outages of each trouble, 24 h, 5 min of the fleet, 120 kills, 50 kills of a machine; else a
                 few of each, and the machine only when it is named (3 kills)
  --part NAME    only this part; may be given again
  --kills N      so many kills
  --seed N       the run with the same random choices (moments on a busy machine still differ)
  --json         the figures as one JSON object on standard output, all else on standard error

Exit status: 0 nothing lost; 1 an alert was lost or the books do not agree; 2 it could not be run.`;

const PARTS = ['steps', 'network', 'outage', 'console', 'fleet', 'kills', 'machine'] as const;
type Part = (typeof PARTS)[number];

/** What all parts came to. */
const sum = {
  injectionPoints: 0,
  outages: 0,
  committed: 0,
  delivered: 0,
  duplicates: 0,
  lost: 0,
  memory: 'not measured',
};
const faults: string[] = [];
/** What each part gave, for `--json`. */
const results: object[] = [];
/** With `--json` nothing but the figures is on standard output. */
const say = process.argv.includes('--json') ? console.error : console.log;

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${name} ${text} is no whole number`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

function add(
  part: Part,
  count: {
    readonly committed: number;
    readonly delivered: number;
    readonly duplicates: number;
    readonly lost: number;
    readonly faults: readonly string[];
  },
): void {
  results.push({ part, ...count });
  sum.committed += count.committed;
  sum.delivered += count.delivered;
  sum.duplicates += count.duplicates;
  sum.lost += count.lost;
  faults.push(...count.faults.map((fault) => `${part}: ${fault}`));
}

async function steps(full: boolean): Promise<void> {
  let died = 0;
  const result = await stepRun({
    stride: full ? 1 : 20,
    onDeath: (step, of, committed) => {
      died += 1;
      if (died % 10 === 0) say(`  step ${step} of ${of}${committed ? ', after the commit' : ''}`);
    },
  });
  const { injectionPoints, committed, delivered, duplicates, lost } = result;
  say(
    `steps: died at ${injectionPoints} of ${result.steps} steps; committed ${committed}, delivered ${delivered}, duplicates ${duplicates}, lost ${lost}\n`,
  );
  sum.injectionPoints += injectionPoints;
  add('steps', result);
}

async function network(full: boolean, seed: number): Promise<void> {
  const result = await networkRun({
    troubles: TROUBLES,
    outagesEach: full ? 10 : 2,
    outageMs: full ? [200, 3_000] : [200, 700],
    seed,
    onTrouble: (name, { committed, delivered, duplicates, lost }, seconds) =>
      say(
        `  ${name.padEnd(18)} committed ${String(committed).padStart(4)}, delivered ${String(delivered).padStart(4)}, duplicates ${String(duplicates).padStart(3)}, lost ${lost}  (${seconds.toFixed(1)} s)`,
      ),
  });
  say(`network: ${result.outages} outages, lost ${result.lost}\n`);
  sum.outages += result.outages;
  add('network', result);
}

async function outage(full: boolean): Promise<void> {
  const hours = full ? 24 : 2;
  const result = await outageRun({
    hours,
    onHour: (hour, bytes) => say(`  hour ${hour}: ${megabytes(bytes)}`),
  });
  const { committed, delivered, startBytes, endBytes, failedAttempts, passed } = result;
  say(
    `outage: ${hours} h, ${failedAttempts} attempts to connect; committed ${committed}, delivered ${delivered}; one of the present came before ${passed} of the past\n`,
  );
  sum.outages += 1;
  sum.memory = `${megabytes(startBytes)} at the start, ${megabytes(endBytes)} at the end of ${hours} h`;
  add('outage', result);
}

async function consoleAway(full: boolean): Promise<void> {
  const hours = full ? 24 : 1;
  for (const brokerForgets of [true, false]) {
    const result = await consoleRun({
      ...{ hours, brokerForgets },
      onHour: (hour, committed) => {
        if (hour % 4 === 0) say(`  hour ${hour}: ${committed} alerts committed`);
      },
    });
    const { committed, delivered, findings, listed, lost, duplicates, missing } = result;
    say(
      `console: off for ${hours} h, an alert every 10 s, broker ${brokerForgets ? 'killed half-way without its memory' : 'kept'}: ` +
        `alerts committed ${committed}, in its history once ${delivered}, twice ${duplicates}, lost ${lost}; ` +
        `findings ${findings}, in its list once ${listed}; found missing by comparing ${missing}\n`,
    );
    sum.outages += 1;
    add('console', result);
  }
}

async function fleet(full: boolean): Promise<void> {
  const vehicles = 50;
  const seconds = full ? 300 : 6;
  const result = await fleetRun({
    ...{ vehicles, seconds },
    onSecond: (second, { alerts, memoryBytes }) => {
      if (second % 60 === 0) say(`  ${second} s: ${alerts} alerts in the history, ${megabytes(memoryBytes)}`);
    },
  });
  const { committed, images, lost, lagMs, memoryBytes, mostMemoryBytes } = result;
  say(
    `fleet: ${vehicles} vehicles, ${committed} alerts and ${images} pictures in ${result.seconds.toFixed(1)} s (${seconds} s where the machine keeps up), lost ${lost}; ` +
      `console's lag p50 ${lagMs.p50} ms, p99 ${lagMs.p99} ms, most ${lagMs.most} ms; ` +
      `its process ${megabytes(memoryBytes)} at the end, ${megabytes(mostMemoryBytes)} at most\n`,
  );
  add('fleet', result);
}

function printKill(kill: KillReport): void {
  const { number, afterMs, watching, broker, waiting, heard } = kill;
  const cells = [
    String(number).padStart(5),
    `${afterMs} ms`.padStart(9),
    (watching ? 'watching' : 'starting').padEnd(9),
    broker.padEnd(7),
    String(waiting).padStart(7),
    String(heard).padStart(7),
  ];
  say(cells.join('  '));
}

async function kills(count: number, seed: number): Promise<void> {
  say(' kill   lived to  stage      broker   waiting    heard');
  await onStage(async (stage) => {
    const result = await killRun(stage, { kills: count, seed, onKill: printKill });
    const { committed, delivered, duplicates, lost } = result;
    say(
      `kills ${count}, alerts committed ${committed}, delivered ${delivered}, duplicates ${duplicates} (same id and sequence), lost ${lost}\n`,
    );
    sum.injectionPoints += count;
    add('kills', result);
  });
}

function printMachineKill(kill: MachineKill): void {
  const { number, seconds, watching, linked, committed, heard, found } = kill;
  const cells = [
    String(number).padStart(5),
    `${seconds.toFixed(1)} s`.padStart(8),
    (watching ? 'watching' : 'starting').padEnd(8),
    (linked ? 'there' : 'away').padEnd(6),
    String(committed).padStart(9),
    String(heard).padStart(6),
    (found === null ? '-' : String(found.waiting)).padStart(7),
    found === null ? '-' : found.replayed ? 'replayed' : 'clean',
  ];
  say(cells.join('  '));
}

async function machine(count: number, seed: number, signal: AbortSignal): Promise<void> {
  await buildRig(resolve(import.meta.dirname, '..'), new Set(['x64']), false);
  say(' kill  lived to  stage     broker  committed   heard   found at the boot: waiting, journal');
  const begin = performance.now();
  await onStage(async (stage) => {
    const result = await machineKillRun(stage, { kills: count, seed, signal, onKill: printMachineKill });
    const { committed, delivered, duplicates, lost, replays, witnessed, images, ended } = result;
    say(
      `machine: ${Math.round((performance.now() - begin) / 1000)} s; journal replayed by ${replays} boots; ${witnessed} alerts known by the log before a kill; ${images.kept} images kept, ${images.delivered} delivered; ${ended} daemons ended by themselves`,
    );
    say(
      `${count} kills, ${committed} committed, ${delivered} delivered once, ${duplicates} duplicates, lost ${lost}\n`,
    );
    sum.injectionPoints += count;
    add('machine', result);
  });
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      full: { type: 'boolean', default: false },
      part: { type: 'string', multiple: true },
      kills: { type: 'string' },
      seed: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (mosquittoMissing !== null) {
    console.error(mosquittoMissing);
    return 2;
  }
  const { full } = values;
  const wanted: readonly string[] = values.part ?? PARTS.filter((name) => full || name !== 'machine');
  const unknown = wanted.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`--part ${unknown}: there are ${PARTS.join(', ')}`);
  const killCount = wholeNumber('kills', values.kills, full ? 120 : 8);
  const machineKills = wholeNumber('kills', values.kills, full ? 50 : 3);
  const seed = wholeNumber('seed', values.seed, Math.floor(Math.random() * 1_000_000));
  say(`seed ${seed}, Node ${process.version}, ${process.platform}-${process.arch}, Mosquitto over MQTT 5\n`);
  const begin = performance.now();
  // The emulator would go on without this process.
  const stop = new AbortController();
  if (wanted.includes('machine'))
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  if (wanted.includes('steps')) await steps(full);
  if (wanted.includes('network')) await network(full, seed);
  if (wanted.includes('outage')) await outage(full);
  if (wanted.includes('console')) await consoleAway(full);
  if (wanted.includes('fleet')) await fleet(full);
  if (wanted.includes('kills')) await kills(killCount, seed);
  if (wanted.includes('machine')) await machine(machineKills, seed, stop.signal);

  for (const fault of faults) say(`FAULT  ${fault}`);
  say(`${Math.round((performance.now() - begin) / 1000)} s`);
  say(`injection points ${sum.injectionPoints}`);
  say(`outages ${sum.outages}`);
  say(`alerts committed ${sum.committed}`);
  say(`delivered once ${sum.delivered} (told apart by boot and sequence)`);
  say(`duplicates with the same id ${sum.duplicates}`);
  say(`memory ${sum.memory}`);
  say(`lost = ${sum.lost}`);
  if (values.json) process.stdout.write(`${JSON.stringify({ seed, full, sum, faults, parts: results })}\n`);
  return sum.lost > 0 || faults.length > 0 ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
