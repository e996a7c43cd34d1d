import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type Mosquitto } from '../fixtures/mosquitto.ts';
import { readBlackBox } from '../scenarios/black-box.ts';
import type { DaemonProcess } from '../scenarios/daemon-process.ts';
import { HANDS_ON, type Stage } from '../scenarios/stage.ts';
import { Dice } from './dice.ts';
import { Ledger, type Verdict } from './ledger.ts';

export interface KillPlan {
  readonly kills: number;
  readonly seed: number;
  /** Told after each kill. */
  readonly onKill?: (kill: KillReport) => void;
}

/** How one life of the daemon went. */
export interface KillReport {
  readonly number: number;
  /** From its start to the kill, ms. */
  readonly afterMs: number;
  /** Whether it had got as far as watching. */
  readonly watching: boolean;
  /** What the broker did meanwhile. */
  readonly broker: BrokerFate;
  /** Alerts that the black box held for sending when it was dead. */
  readonly waiting: number;
  /** Alerts heard above water so far, repeated ones included. */
  readonly heard: number;
}

/** `stays`: up all the time. `killed`: -9 at some moment. `late`: down at first. `away`: down all the time. */
export type BrokerFate = 'stays' | 'killed' | 'late' | 'away';

/** What a run came to. */
export interface KillResult extends Verdict {
  readonly kills: number;
  readonly seed: number;
}

/** How long the daemon may take to start, ms, before a first one has shown it. */
const START_MS = 1_500;
/** How long it lives at most once it watches, ms. */
const WATCHING_MS = 1_500;
const DRAIN_MS = 90_000;

/** A broker that comes and goes on one port. */
class MovingBroker {
  readonly port: number;
  private readonly stage: Stage;
  private running: Mosquitto | null = null;

  constructor(stage: Stage, port: number) {
    this.stage = stage;
    this.port = port;
  }

  async up(): Promise<void> {
    if (this.running === null) this.running = await this.stage.broker({ ...HANDS_ON, port: this.port });
  }

  async kill(): Promise<void> {
    const { running } = this;
    this.running = null;
    await running?.kill();
  }
}

/**
 * Kills the daemon with SIGKILL at random moments while the broker comes and goes, starts it again each time, lets
 * everything drain at the end, and compares what the disk held with what came above water.
 */
export async function killRun(stage: Stage, plan: KillPlan): Promise<KillResult> {
  const dice = new Dice(plan.seed);
  const ledger = new Ledger();
  const broker = new MovingBroker(stage, await freePort());
  const url = `mqtt://127.0.0.1:${broker.port}`;
  await broker.up();
  // QoS 0: a subscriber that acknowledges could throw away what a dying broker had handed over.
  const surface = await stage.surface(url, {
    qos: 0,
    filters: ['specta/+/alerts'],
    onHeard: ({ payload }) => ledger.hear(JSON.parse(payload.toString('utf8'))),
  });
  const busy = await stage.film([
    ['crack', 5],
    ['sound', 9],
    ['crack-in-rust', 5],
    ['sound', 9],
  ]);
  const settings = {
    inspection: { offDelaySeconds: 0.08, mergeGapSeconds: 0 },
    surface: { broker: url, unheardRetrySeconds: 0.2 },
    log: { level: 'info' },
  };
  const config = await stage.configure({
    ...settings,
    camera: { uri: `replay:${busy}`, rate: 60, loop: true },
  });

  const starts: number[] = [START_MS];
  for (let number = 1; number <= plan.kills; number += 1) {
    const fate = fateOf(dice);
    if (fate === 'late' || fate === 'away') await broker.kill();
    else await broker.up();
    const begin = performance.now();
    const daemon = stage.launch(config);
    const moving = moveBroker(broker, fate, dice, (starts.at(-1) ?? START_MS) + WATCHING_MS);
    await liveFor(daemon, dice, starts);
    const watching = daemon.said('watching');
    await daemon.kill();
    const afterMs = Math.round(performance.now() - begin);
    await moving;
    // Under 3.1.1 an acknowledgement proves less; a broker that comes and goes is no reason to fall back to it.
    if (daemon.output.includes('MQTT 3.1.1')) ledger.complain(`life ${number} fell back to MQTT 3.1.1`);
    const contents = await readBlackBox(stage.stateFolder);
    if (contents) ledger.inspect(contents);
    const waiting = contents?.waiting.length ?? 0;
    plan.onKill?.({ number, afterMs, watching, broker: fate, waiting, heard: ledger.heardCount });
    stage.forget(daemon);
  }

  // The end: a sound pipe, a broker that stays, somebody who listens.
  await broker.up();
  const quiet = await stage.film([['sound', 8]]);
  const last = await stage.daemon({ ...settings, camera: { uri: `replay:${quiet}`, rate: 10, loop: true } });
  await stage.until('it watches for the last time', () => last.said('watching'), DRAIN_MS);
  await stage.until(
    'everything has drained',
    async () => (await readBlackBox(stage.stateFolder))?.waiting.length === 0,
    DRAIN_MS,
  );
  const { code, signal } = await last.stop();
  if (code !== 0) throw new Error(`the last daemon ended with ${code ?? signal}:\n${last.output}`);
  // What the broker has handed on may still be on its way through this process.
  await sleep(500);
  const end = await readBlackBox(stage.stateFolder);
  if (!end) throw new Error('there is no black box at the end');
  if (surface.breaches.length > 0) throw new Error(surface.breaches.join('\n'));
  return { kills: plan.kills, seed: plan.seed, ...ledger.settle(end) };
}

function fateOf(dice: Dice): BrokerFate {
  const draw = dice.next();
  if (draw < 0.35) return 'stays';
  if (draw < 0.65) return 'killed';
  return draw < 0.85 ? 'late' : 'away';
}

/** Lets the broker meet its fate while the daemon lives, or a moment later. */
async function moveBroker(broker: MovingBroker, fate: BrokerFate, dice: Dice, lifeMs: number): Promise<void> {
  const first = dice.between(lifeMs * 0.2, lifeMs);
  const pause = dice.between(50, 600);
  if (fate === 'stays' || fate === 'away') return;
  await sleep(first);
  if (fate === 'late') {
    await broker.up();
    return;
  }
  await broker.kill();
  await sleep(pause);
  await broker.up();
}

/**
 * Waits until a random moment of the daemon's life: one in four while it starts, the rest while it works.
 *
 * @param starts how long starts took so far, ms; a new one is added
 */
async function liveFor(daemon: DaemonProcess, dice: Dice, starts: number[]): Promise<void> {
  const early = dice.chance(0.25);
  const length = dice.between(0, early ? (starts.at(-1) ?? START_MS) : WATCHING_MS);
  const begin = performance.now();
  if (!early) {
    while (!daemon.said('watching') && daemon.ending === null) await sleep(5);
    starts.push(performance.now() - begin);
  }
  if (daemon.ending === null) await sleep(length);
  const { ending } = daemon;
  if (ending)
    throw new Error(`the daemon ended by itself (${ending.code ?? ending.signal}):\n${daemon.output}`);
}
