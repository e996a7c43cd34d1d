import { rename, rm, writeFile } from 'node:fs/promises';
import { systemCode } from '../../src/platform/errors.ts';
import type { Dice } from '../faults/dice.ts';
import { type Mosquitto, startMosquitto } from '../fixtures/mosquitto.ts';
import type { PersistentListener } from './listener.ts';
import type { VehicleProcess } from './vehicle-process.ts';

/** What goes wrong, or is done, while the vehicle works. */
export const TROUBLES = [
  'broker-stopped',
  'broker-frozen',
  'listener-away',
  'camera-lost',
  'model-swap',
  'clock-set',
  'disk-full',
] as const;
export type Trouble = (typeof TROUBLES)[number];

/** On average one in so many frames of a long run. */
export const FRAMES_EACH: Readonly<Record<Trouble, number>> = {
  'broker-stopped': 25_000,
  'broker-frozen': 50_000,
  'listener-away': 40_000,
  'camera-lost': 25_000,
  'model-swap': 50_000,
  'clock-set': 20_000,
  'disk-full': 50_000,
};

/** A broker that keeps sessions and what waits for them over a restart, on one port. */
export class RestartingBroker {
  readonly port: number;
  private readonly store: string;
  private running: Mosquitto | null = null;

  constructor(port: number, store: string) {
    this.port = port;
    this.store = store;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async up(): Promise<void> {
    this.running ??= await startMosquitto({
      port: this.port,
      persistence: this.store,
      configuration: ['max_inflight_messages 0', 'max_queued_messages 0'],
    });
  }

  /** In order: what it has taken, it keeps. */
  async down(): Promise<void> {
    const { running } = this;
    this.running = null;
    await running?.stop();
  }

  /** It answers nothing and loses nothing. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.running) process.kill(this.running.pid, signal);
  }
}

interface Surroundings {
  readonly vehicle: VehicleProcess;
  readonly broker: RestartingBroker;
  readonly listener: PersistentListener;
  readonly dice: Dice;
  /** The folder without which no picture can be read. */
  readonly pictures: string;
  /** A file on the vehicle's own small disk that can take all of it; null where it has none. */
  readonly filler: string | null;
  /** What can be put on trial: one that passes and one that does not. */
  readonly models: { readonly good: string; readonly wrong: string };
}

/** Makes each kind of trouble happen, and come to its end. All times are the vehicle's own. */
export class Troubles {
  /** How often each has come to its end, and what trials came to. */
  readonly counts = new Map<string, number>();
  private readonly around: Surroundings;
  /** What cannot happen at the same time waits for each other. */
  private brokerTurn: Promise<void> = Promise.resolve();
  private readonly underWay = new Set<Promise<void>>();
  private readonly busy = new Set<Trouble>();
  private nextIsWrong = false;
  private failure: unknown = null;

  constructor(around: Surroundings) {
    this.around = around;
  }

  get names(): readonly Trouble[] {
    return [...this.busy];
  }

  /** Begins one, unless one of its kind is under way. */
  begin(trouble: Trouble): void {
    if (this.busy.has(trouble)) return;
    this.busy.add(trouble);
    const work = this.make(trouble)
      .then(() => this.count(trouble))
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => {
        this.busy.delete(trouble);
        this.underWay.delete(work);
      });
    this.underWay.add(work);
  }

  /** Throws what failed of what could not be made to happen. */
  check(): void {
    if (this.failure !== null) throw this.failure;
  }

  /** Until all that was begun has come to its end. */
  async over(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
    this.check();
  }

  private make(trouble: Trouble): Promise<void> {
    if (trouble === 'broker-stopped') return this.withBroker(() => this.stopBroker());
    if (trouble === 'broker-frozen') return this.withBroker(() => this.freezeBroker());
    if (trouble === 'listener-away') return this.withBroker(() => this.sendListenerAway());
    if (trouble === 'camera-lost') return this.loseCamera();
    if (trouble === 'model-swap') return this.swapModel();
    if (trouble === 'clock-set') return this.setClock();
    return this.fillDisk();
  }

  private withBroker(act: () => Promise<void>): Promise<void> {
    this.brokerTurn = this.brokerTurn.then(act);
    return this.brokerTurn;
  }

  private async stopBroker(): Promise<void> {
    const { broker, vehicle, dice } = this.around;
    await broker.down();
    await vehicle.pass(dice.between(5, 120));
    await broker.up();
    await vehicle.until('the link is back', ({ link }) => link === 'ok');
  }

  private async freezeBroker(): Promise<void> {
    const { broker, vehicle, dice } = this.around;
    broker.signal('SIGSTOP');
    await vehicle.pass(dice.between(20, 90));
    broker.signal('SIGCONT');
    await vehicle.until('the link is back', ({ link }) => link === 'ok');
  }

  private async sendListenerAway(): Promise<void> {
    const { listener, vehicle, dice } = this.around;
    await listener.leave();
    await vehicle.pass(dice.between(10, 200));
    await listener.come();
  }

  private async loseCamera(): Promise<void> {
    const { vehicle, pictures, dice } = this.around;
    await rename(pictures, `${pictures}-gone`);
    await vehicle.until('the camera is lost', ({ camera }) => camera !== 'ok');
    await vehicle.pass(dice.between(0.5, 8));
    await rename(`${pictures}-gone`, pictures);
    await vehicle.until('the camera is back', ({ camera }) => camera === 'ok');
  }

  /** In turn: a model that passes its trial, back to the one before, one that must not pass. */
  private async swapModel(): Promise<void> {
    const { vehicle, models } = this.around;
    const serves = await this.served();
    if (serves === models.good) {
      const { status } = await vehicle.ask('model/rollback');
      this.count(status === 'ok' ? 'model gone back from' : 'rollback refused');
      return;
    }
    const wanted = this.nextIsWrong ? models.wrong : models.good;
    this.nextIsWrong = !this.nextIsWrong;
    const { status } = await vehicle.ask('model/activate', { bundle: `tiny@${wanted}` });
    if (status !== 'ok') {
      // A full disk can write no slots: refused in words, and the model before serves on.
      this.count('trial refused');
      return;
    }
    while ((await this.trialUnderWay()) !== null) await vehicle.pass(1);
    const passed = (await this.served()) === wanted;
    if (passed && wanted === models.wrong) throw new Error('a model with wrong golden inputs serves');
    this.count(passed ? 'trial passed' : 'trial failed');
  }

  private async served(): Promise<string> {
    return (await this.listed()).serving.version;
  }

  private async trialUnderWay(): Promise<unknown> {
    return (await this.listed()).serving.trial;
  }

  private async listed(): Promise<{
    readonly serving: { readonly version: string; readonly trial: unknown };
  }> {
    const { vehicle } = this.around;
    for (;;) {
      const answer = await vehicle.ask('model/list');
      if (answer.status === 'ok') return answer.data as Awaited<ReturnType<Troubles['listed']>>;
      await vehicle.pass(1);
    }
  }

  /** Forward, backward, to the day a machine without a battery wakes up on; then right again. */
  private async setClock(): Promise<void> {
    const { vehicle, dice } = this.around;
    const hour = 3_600_000;
    const now = Date.now();
    const wrong = [now + 26 * hour, now - 26 * hour, 0, now + 20 * 365 * 24 * hour];
    vehicle.setClock(wrong[Math.floor(dice.between(0, wrong.length))]);
    await vehicle.pass(dice.between(5, 60));
    vehicle.setClock(null);
  }

  private async fillDisk(): Promise<void> {
    const { vehicle, filler, dice } = this.around;
    if (filler === null) return;
    const before = vehicle.progress?.committed ?? 0;
    await fill(filler);
    const { monoMs } = vehicle.progress ?? { monoMs: 0 };
    const mostMs = 1000 * dice.between(20, 90);
    await vehicle.until(
      'the full disk is told',
      (now) => now.record !== 'ok' || now.monoMs > monoMs + mostMs,
    );
    await vehicle.pass(dice.between(5, 40));
    await rm(filler);
    await vehicle.until('the record works again', ({ record }) => record === 'ok');
    const after = await vehicle.until('what waited is committed', ({ uncommitted }) => uncommitted < 3);
    this.count('committed once there was room', after.committed - before);
  }

  private count(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }
}

const PIECE_BYTES = 1_048_576;

/** Writes until not a byte is left on the disk. */
async function fill(file: string): Promise<void> {
  for (let bytes = PIECE_BYTES; bytes >= 4_096; ) {
    try {
      await writeFile(file, Buffer.alloc(bytes), { flag: 'a' });
    } catch (error) {
      if (systemCode(error) !== 'ENOSPC') throw error;
      bytes /= 16;
    }
  }
}
