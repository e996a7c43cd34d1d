import type { Clock } from '../platform/clock.ts';
import { Counters } from '../platform/counters.ts';
import { Emitter } from '../platform/emitter.ts';
import type { Logger } from '../platform/log.ts';
import { Asking } from './asking.ts';
import { CatchUp, type CatchUpState } from './catch-up.ts';
import { countFindings, type FindingCounts } from './finding-list.ts';
import { type Heard, operatorTopics, readHeard } from './heard.ts';
import type { History, MarkedAlert } from './history.ts';
import { type BrokerAccess, OperatorLink, type OperatorLinkState } from './operator-link.ts';
import { RunLog } from './run-log.ts';
import { SILENT_AFTER_MS, VehiclePicture, type VehicleView } from './vehicle-picture.ts';

/** A vehicle as the page and `specta watch` show it. */
export interface FleetVehicle extends VehicleView {
  readonly counts: FindingCounts;
  readonly catchUp: CatchUpState;
}

/** What happens, for whoever shows it. */
export type DeskEvent =
  | { readonly kind: 'vehicle'; readonly vehicle: string }
  | {
      readonly kind: 'finding';
      readonly alert: MarkedAlert;
      readonly isNew: boolean;
      /** A crack that nobody knew of: a horn may sound. */
      readonly alarm: boolean;
    }
  | { readonly kind: 'image'; readonly vehicle: string; readonly finding: string }
  | { readonly kind: 'link' };

export interface DeskOptions extends BrokerAccess {
  readonly history: History;
  readonly clock: Clock;
  readonly log: Logger;
  /** Default: the history's own. */
  readonly clientId?: string | undefined;
  /** null: every vehicle. */
  readonly vehicle?: string | null | undefined;
}

/** What the broker kept for us comes within this time after a connect, ms. */
const BACKLOG_MS = 10_000;
/** The most vehicles that one console follows: anybody may invent names on a broker. */
const MOST_VEHICLES = 1_000;

/** The operator's side: hears the vehicles, keeps what they say, finds what is missing, asks. */
export class Desk {
  readonly events = new Emitter<DeskEvent>();
  readonly history: History;
  readonly asking: Asking;
  readonly link: OperatorLink;
  /** Messages that were left out, by reason. */
  readonly unreadable = new Counters<string>();
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly catchUp: CatchUp;
  private readonly runLog: RunLog;
  private connectedMonoMs: number | null = null;
  private readonly pictures = new Map<string, VehiclePicture>();
  /** Counted anew only when something has come. */
  private readonly counts = new Map<string, FindingCounts>();

  constructor(options: DeskOptions) {
    const { history, clock, log, vehicle = null } = options;
    this.history = history;
    this.clock = clock;
    this.log = log;
    this.runLog = new RunLog(history);
    this.link = new OperatorLink(
      {
        ...options,
        clientId: options.clientId ?? history.clientId,
        topics: operatorTopics(vehicle),
        take: (topic, payload, retained) => this.take(topic, payload, retained),
      },
      { clock, log },
    );
    this.asking = new Asking((topic, payload, expiry) => this.link.publish(topic, payload, expiry), clock);
    this.catchUp = new CatchUp({
      ...{ history, asking: this.asking, clock, log },
      take: (alert) => this.takeAlert(alert),
      onState: (name) => this.events.emit({ kind: 'vehicle', vehicle: name }),
    });
    for (const { name, heardUtcMs } of history.vehicles()) {
      if (vehicle === null || name === vehicle) this.pictures.set(name, new VehiclePicture(name, heardUtcMs));
    }
    this.link.onState((state) => this.onLink(state));
  }

  start(): void {
    this.link.start();
  }

  async stop(): Promise<void> {
    this.catchUp.stop();
    await this.link.stop();
  }

  /** Every vehicle ever heard of, by name. */
  get vehicles(): readonly string[] {
    return [...this.pictures.keys()].sort();
  }

  /** One vehicle; null when it was never heard of. */
  vehicle(name: string): FleetVehicle | null {
    const picture = this.pictures.get(name);
    if (picture === undefined) return null;
    const connected = this.link.state.kind === 'connected';
    return {
      ...picture.view(this.clock.now().utcMs, connected),
      counts: this.countsOf(name),
      catchUp: this.catchUp.stateOf(name),
    };
  }

  private countsOf(name: string): FindingCounts {
    const known = this.counts.get(name);
    if (known !== undefined) return known;
    const counted = countFindings(this.history, name);
    this.counts.set(name, counted);
    return counted;
  }

  private onLink(state: OperatorLinkState): void {
    this.connectedMonoMs = state.kind === 'connected' ? this.clock.now().monoMs : null;
    if (state.kind === 'connected') {
      for (const { online } of this.pictures.values()) if (online) this.catchUp.begin(online);
    }
    this.events.emit({ kind: 'link' });
  }

  /** Keeps a message, and only then lets it be acknowledged: throws while it cannot be kept. */
  private take(topic: string, payload: Uint8Array, retained: boolean): void {
    const heard = readHeard(topic, payload);
    if (heard.kind === 'unreadable') {
      this.unreadable.add(heard.why);
      this.log.debug({ topic, why: heard.why }, 'a message that is none of this version of SPECTA');
      return;
    }
    const picture = this.pictureOf(heard.vehicle);
    if (picture === null) return;
    const nowUtcMs = this.clock.now().utcMs;
    const wasOnline = picture.online?.session;
    const saidUtcMs = retained ? null : this.saidAt(heard, nowUtcMs);
    this.history.together(() => {
      const told = picture.hear(heard, saidUtcMs);
      if (heard.kind === 'state' && heard.message.state === 'online')
        this.history.putPresentBoot(heard.vehicle, heard.message.boot);
      if (saidUtcMs !== null) this.history.putHeard(heard.vehicle, saidUtcMs);
      if (heard.kind === 'run-log') {
        const stretch = this.runLog.take(heard.message);
        if (stretch !== null) this.history.putCoverage(heard.vehicle, stretch);
      } else if (told !== null && !retained && !this.runLog.knows(heard.vehicle)) {
        this.history.putCoverage(heard.vehicle, told);
      }
    });
    this.react(heard, nowUtcMs);
    const online = picture.online;
    if (online === null) this.catchUp.end(heard.vehicle);
    else if (heard.kind === 'state' && online.session !== wasOnline) this.catchUp.begin(online);
    this.events.emit({ kind: 'vehicle', vehicle: heard.vehicle });
  }

  /**
   * When a vehicle said something, our UTC ms; null where that cannot be told. Right after a connect the broker hands
   * over what it kept for us, which may be hours old: then the vehicle's own clock counts, if it is set.
   */
  private saidAt(heard: Heard, nowUtcMs: number): number | null {
    if (!('message' in heard)) return null;
    const { message } = heard;
    // The broker says `offline`, not the vehicle.
    if (message.at === null || (heard.kind === 'state' && heard.message.state === 'offline')) return null;
    const isSettled =
      this.connectedMonoMs !== null && this.clock.now().monoMs - this.connectedMonoMs > BACKLOG_MS;
    if (isSettled) return nowUtcMs;
    const at = Date.parse(message.at);
    const isOld = message.clockQuality === 'synchronised' && nowUtcMs - at > SILENT_AFTER_MS;
    return isOld ? at : nowUtcMs;
  }

  private react(heard: Heard, nowUtcMs: number): void {
    switch (heard.kind) {
      case 'alert':
        this.takeAlert(heard.message);
        return;
      case 'image':
        this.history.putImage(heard.vehicle, heard.finding, heard.jpeg, nowUtcMs);
        this.events.emit({ kind: 'image', vehicle: heard.vehicle, finding: heard.finding });
        return;
      case 'detection':
        this.history.putSample(heard.message);
        return;
      case 'answer':
        this.asking.hear(heard.vehicle, heard.answer);
        return;
      default:
    }
  }

  private takeAlert(alert: MarkedAlert): boolean {
    const { known, isNewest, isNewFinding } = this.history.putAlert(alert, this.clock.now().utcMs);
    if (!isNewest) return !known;
    this.counts.delete(alert.vehicle);
    const isNews = !alert.historical || alert.closedAt === null;
    const alarm = isNewFinding && isNews && alert.class === 'crack' && !alert.acknowledged;
    this.events.emit({ kind: 'finding', alert, isNew: isNewFinding, alarm });
    return !known;
  }

  private pictureOf(vehicle: string): VehiclePicture | null {
    const known = this.pictures.get(vehicle);
    if (known !== undefined) return known;
    if (this.pictures.size >= MOST_VEHICLES) {
      this.unreadable.add('vehicles');
      return null;
    }
    const made = new VehiclePicture(vehicle, null);
    this.pictures.set(vehicle, made);
    return made;
  }
}
