import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FindingParts, findingRequests } from '../../src/daemon/control/finding-requests.ts';
import type { ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { type BlackBox, openBlackBox } from '../../src/record/black-box.ts';
import { createLink, type Link } from '../../src/surface/link.ts';
import { alertMessage, alertSchema } from '../../src/surface/messages/alert.ts';
import { encode, type Stamp } from '../../src/surface/messages/envelope.ts';
import { REQUEST_NAMES } from '../../src/surface/messages/request.ts';
import { createRequests, type RequestHandlers } from '../../src/surface/requests.ts';
import { findingOf } from '../surface/samples.ts';

/** Of what a vehicle can be asked, what a console needs to find what it has missed. */
const ANSWERED = ['findings/list', 'alerts/resend'] as const;
const BOOT = 'boot-1';

/**
 * A vehicle from its black box upwards: the daemon's record, link and answers, by a clock that is moved by hand. Its
 * camera and model are left out: it finds what it is told to, each finding opened by one alert and closed by the next.
 */
export class RecordingVehicle implements AsyncDisposable {
  readonly name: string;
  /** Alerts that are safe on disk. */
  committed = 0;
  private readonly clock: ManualClock;
  private readonly folder: string;
  private readonly record: BlackBox;
  private readonly link: Link;

  private constructor(name: string, clock: ManualClock, folder: string, record: BlackBox, broker: string) {
    this.name = name;
    this.clock = clock;
    this.folder = folder;
    this.record = record;
    const log = silentLog();
    const parts: FindingParts = {
      record,
      clock,
      stamp: () => this.stamp(),
      get reporter(): never {
        throw new Error('nobody reviews here');
      },
    };
    const requests = createRequests({
      // Whoever asks for more is refused before any handler is looked for.
      handlers: findingRequests(() => parts) as RequestHandlers,
      disabled: REQUEST_NAMES.filter((asked) => !ANSWERED.some((answered) => answered === asked)),
      clock,
      clockQuality: () => 'synchronised',
      log,
    });
    const options = { broker, vehicle: name, boot: BOOT, version: '0.0.0', protocol: 5 } as const;
    this.link = createLink(
      { ...options, clockQuality: () => 'synchronised', backlogPerSecond: 500 },
      { clock, log, outbox: record, requests },
    );
    this.link.start();
  }

  static async launch(name: string, broker: string, clock: ManualClock): Promise<RecordingVehicle> {
    const folder = await mkdtemp(join(tmpdir(), 'specta-vehicle-'));
    const record = await openBlackBox({ folder, boot: BOOT, log: silentLog(), clock });
    return new RecordingVehicle(name, clock, folder, record, broker);
  }

  get connected(): boolean {
    return this.link.state.kind === 'connected';
  }

  /** Alerts that the broker has not acknowledged. */
  get waiting(): number {
    return this.record.depth().waiting.alert;
  }

  /** Commits the next alert: a finding opens, or the one that did closes. */
  async find(): Promise<void> {
    this.committed += 1;
    const opens = this.committed % 2 === 1;
    const at = this.clock.now();
    const finding = findingOf(`F-${String(Math.ceil(this.committed / 2)).padStart(6, '0')}`, {
      openedAt: at,
      lastSeenAt: at,
      ...(opens ? {} : { closedAt: at, closeReason: 'gone' as const }),
    });
    const change = { phase: opens ? 'opened' : 'closed', finding, at, peakChanged: opens } as const;
    const alert = alertMessage({ ...this.stamp(), change, evidence: null });
    const message = {
      lane: 'alert',
      topic: this.link.topics.alerts,
      contentType: 'application/json',
      payload: encode(alertSchema, alert),
    } as const;
    await this.record.commit({ finding, messages: [message] });
  }

  /** Lets the link do what it has to, so long as it has a broker; simulated time goes on a little. */
  async settle(): Promise<void> {
    const isBusy = (): boolean =>
      this.link.state.kind === 'connecting' || (this.connected && this.waiting > 0);
    for (let turns = 0; turns < MOST_TURNS && isBusy(); turns += 1) {
      await sleep(1);
      await this.clock.advance(1);
    }
  }

  private stamp(): Stamp {
    return {
      vehicle: this.name,
      boot: BOOT,
      sequence: this.committed,
      clockQuality: 'synchronised',
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The clock stands still: no goodbye is waited for.
    await this.link.stop(AbortSignal.abort());
    const closing = this.record.close();
    await this.clock.advance(1);
    await closing;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Nothing settles for so long, ms; then simulated time goes on as it is. */
const MOST_TURNS = 2_000;
