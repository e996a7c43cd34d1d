import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HealthMessage } from '../../src/surface/messages/health.ts';
import { freePort } from '../fixtures/mosquitto.ts';
import { type BlackBoxContents, readBlackBox } from '../scenarios/black-box.ts';
import type { Settings, Stage } from '../scenarios/stage.ts';
import { Dice } from './dice.ts';
import { Ledger, type Told, type Verdict } from './ledger.ts';
import { diskFault, HOST, Machine, makeAppDisk, makeDisk } from './machine.ts';

export interface MachineKillPlan {
  readonly kills: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Told after each kill. */
  readonly onKill?: (kill: MachineKill) => void;
}

/** How one life of the machine went. */
export interface MachineKill {
  readonly number: number;
  /** From its boot to the kill, s. */
  readonly seconds: number;
  /** Whether its daemon had got as far as watching. */
  readonly watching: boolean;
  /** Whether the broker could be reached in this life. */
  readonly linked: boolean;
  /** Alerts that the daemon called committed in this life. */
  readonly committed: number;
  /** Alerts heard above water so far, repeated ones included. */
  readonly heard: number;
  /** What the life found when it opened the disk; null: it was killed before. */
  readonly found: Found | null;
}

/** What the kill before had left on the disk. */
export interface Found {
  readonly waiting: number;
  /** Whether ext4 replayed its journal. */
  readonly replayed: boolean;
}

/** What a run came to. */
export interface MachineKillResult extends Verdict {
  readonly kills: number;
  /** Boots after a kill in which ext4 replayed its journal. */
  readonly replays: number;
  /** Alerts that the daemon's own log called committed before its machine was killed. */
  readonly witnessed: number;
  /** Annotated stills on the disk at the end, and how many of them came. */
  readonly images: { readonly kept: number; readonly delivered: number };
  /** Daemons that ended by themselves and were started again. */
  readonly ended: number;
}

/** How long it lives at most once it watches, ms, or half as long as it took to start: what is slow finds slowly. */
const WATCHING_MS = 6_000;
const SETTLE_MS = 1_000;
const HEARD = ['specta/+/alerts', 'specta/+/alerts/+/image', 'specta/+/health'];
/** Slow enough for a machine that is emulated. */
const INSPECTION: Settings = {
  minimumDetections: 2,
  openWindowSeconds: 5,
  offDelaySeconds: 0.3,
  mergeGapSeconds: 0,
};

/**
 * Kills the emulated machine at random moments while its daemon finds and tells, boots it again from the same disk each
 * time, lets everything drain at the end, and compares what was committed with what is on the disk and what came.
 */
export async function machineKillRun(stage: Stage, plan: MachineKillPlan): Promise<MachineKillResult> {
  const { kills, seed, signal, onKill } = plan;
  const dice = new Dice(seed);
  const ledger = new Ledger();
  const disk = join(stage.folder, 'disk.img');
  const app = join(stage.folder, 'app.img');
  await makeDisk(disk);
  await makeAppDisk(app, stage.folder);
  const broker = await stage.broker();
  const health: HealthMessage[] = [];
  let images = 0;
  const arrived = join(stage.folder, 'arrived.jsonl');
  const surface = await stage.surface(broker.url, {
    session: 'collector',
    filters: HEARD,
    onHeard: ({ topic, payload }) => {
      if (topic.endsWith('/health')) health.push(JSON.parse(payload.toString('utf8')));
      if (topic.endsWith('/image')) images += 1;
      if (!topic.endsWith('/alerts')) return;
      appendFileSync(arrived, `${payload.toString('utf8')}\n`);
      ledger.hear(JSON.parse(payload.toString('utf8')));
    },
  });
  const busy = await stage.film([
    ['crack', 5],
    ['sound', 9],
    ['crack-in-rust', 5],
    ['sound', 9],
  ]);
  const quiet = await stage.film([['sound', 8]]);
  const configured = async (port: number): Promise<string> =>
    basename(await stage.configure(guestSettings(`mqtt://${HOST}:${port}`)));
  const linkedConfig = await configured(broker.port);
  const aloneConfig = await configured(await freePort());
  const film = join(stage.folder, 'film');
  await rename(busy, film);

  const boot = (config: string): Machine => Machine.boot({ share: stage.folder, disk, app, config, signal });
  const starts: number[] = [];
  let replays = 0;
  let ended = 0;
  const found = async (machine: Machine): Promise<Found> => {
    const contents = await inspectLeft(machine, ledger);
    if (machine.hasReplayed) replays += 1;
    return { waiting: contents?.waiting.length ?? 0, replayed: machine.hasReplayed };
  };

  // A vehicle that has run before: it finds compiled what it starts.
  await using first = boot(linkedConfig);
  starts.push(await startOf(first));
  await first.until('an image came', () => images > 0);
  await first.stop();
  for (const told of first.logged('alert committed').map(toldBy)) ledger.witness(told);

  for (let number = 1; number <= kills; number += 1) {
    const linked = dice.chance(0.65);
    const config = linked ? linkedConfig : aloneConfig;
    const begin = performance.now();
    await using machine = boot(config);
    await liveFor(machine, dice, starts);
    await machine.kill();
    const seconds = (performance.now() - begin) / 1000;
    signal.throwIfAborted();
    const committed = machine.logged('alert committed').map(toldBy);
    const before = machine.line('@opened') ? await found(machine) : null;
    // Only now: what this life committed is looked for on the disk by the next one.
    for (const told of committed) ledger.witness(told);
    ended += machine.daemonsEnded;
    const watching = machine.line('"msg":"watching"') !== null;
    const heard = ledger.heardCount;
    onKill?.({ number, seconds, watching, linked, committed: committed.length, heard, found: before });
  }

  // The end: a sound pipe, a broker that answers, somebody who listens.
  rmSync(film, { recursive: true });
  await rename(quiet, film);
  await using last = boot(linkedConfig);
  await last.until('the disk is open', () => last.line('@opened'));
  await found(last);
  await last.until('it watches for the last time', () => last.line('"msg":"watching"'));
  health.length = 0;
  // The first one may have been gathered before.
  const isDrained = ({ outbox: { waiting } }: HealthMessage): boolean =>
    waiting.alert === 0 && waiting.image === 0;
  await last.until('everything has drained', () => health.slice(1).some(isDrained));
  await last.stop();
  for (const told of last.logged('alert committed').map(toldBy)) ledger.witness(told);
  // What the broker has handed on may still be on its way through this process.
  await sleep(SETTLE_MS);
  const end = await inspectLeft(last, ledger);
  if (end === null) throw new Error('there is no black box at the end');
  const fault = diskFault(disk);
  if (fault !== null) ledger.complain(`the disk is damaged: ${fault}`);
  for (const breach of surface.breaches) ledger.complain(breach);
  return {
    kills,
    replays,
    ended,
    witnessed: ledger.witnessedCount,
    images: imagesOf(
      end,
      surface.heard.map(({ topic }) => topic),
      ledger,
    ),
    ...ledger.settle(end),
  };
}

function guestSettings(broker: string): Readonly<Record<string, Settings | string>> {
  return {
    stateFolder: '/disk/state',
    model: { bundle: '/share/tiny' },
    camera: { uri: 'replay:/tmp/film', rate: 10, loop: true, stallSeconds: 30 },
    inspection: INSPECTION,
    // However far behind it is, what was committed first is sent first: that order is looked at.
    surface: { broker, unheardRetrySeconds: 0.2, backlogPerSecond: 10_000, detectionsPerSecond: 1 },
    log: { level: 'info' },
  };
}

/** Waits until a random moment of the machine's life: one in four while its daemon starts, the rest while it works. */
async function liveFor(machine: Machine, dice: Dice, starts: number[]): Promise<void> {
  const early = dice.chance(0.25);
  const share = dice.next();
  if (early) {
    const { atMs } = await machine.until('the disk is being opened', () => machine.line('@opening'));
    await sleep(Math.max(0, atMs + share * (starts.at(-1) ?? 0) - performance.now()));
    return;
  }
  const startMs = await startOf(machine);
  starts.push(startMs);
  await sleep(share * Math.max(WATCHING_MS, startMs / 2));
}

/** Waits until it watches. @returns how long that took from the opening of the disk, ms */
async function startOf(machine: Machine): Promise<number> {
  const opening = await machine.until('the disk is being opened', () => machine.line('@opening'));
  const watching = await machine.until('it watches', () => machine.line('"msg":"watching"'));
  return watching.atMs - opening.atMs;
}

function toldBy(line: Readonly<Record<string, unknown>>): Told {
  const { boot, sequence, finding, phase } = line as Readonly<Record<string, unknown>> & Told;
  return { boot, sequence, finding, phase };
}

/** Holds what is on the disk against what was committed. null: there is no black box yet. */
async function inspectLeft(machine: Machine, ledger: Ledger): Promise<BlackBoxContents | null> {
  const left = join(machine.share, 'left');
  const contents = await readBlackBox(left);
  if (contents === null) {
    if (ledger.witnessedCount > 0) ledger.complain('the black box is gone');
    return null;
  }
  ledger.inspect(contents);
  const sums = new Map(
    textOf(join(left, 'stills'))
      .split('\n')
      .map((line) => [line.slice(66), line.slice(0, 64)] as const),
  );
  for (const { file, sha256 } of contents.stills) {
    if (!sums.has(file)) ledger.complain(`the record names ${file}, which is not there`);
    else if (sums.get(file) !== sha256) ledger.complain(`${file} is not what the record says`);
  }
  const strange = textOf(join(left, 'names'))
    .split('\n')
    .filter((name) => /damaged|corrupt|aside/.test(name));
  if (strange.length > 0) ledger.complain(`put aside: ${strange.join(', ')}`);
  return contents;
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function imagesOf(
  end: BlackBoxContents,
  topics: readonly string[],
  ledger: Ledger,
): MachineKillResult['images'] {
  const came = new Set(
    topics.filter((topic) => topic.endsWith('/image')).map((topic) => topic.split('/')[3]),
  );
  const kept = new Set(end.stills.filter(({ kind }) => kind === 'annotated').map(({ finding }) => finding));
  const missing = [...kept].filter((finding) => !came.has(finding));
  for (const finding of missing) ledger.complain(`the image of ${finding} never came`);
  return { kept: kept.size, delivered: kept.size - missing.length };
}
