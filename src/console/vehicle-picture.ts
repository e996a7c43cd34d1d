import type { HealthMessage } from '../surface/messages/health.ts';
import type { LightMessage } from '../surface/messages/light.ts';
import type { ModelMessage } from '../surface/messages/model.ts';
import type { RunMessage } from '../surface/messages/run.ts';
import type { StateMessage } from '../surface/messages/state.ts';
import type { StatusMessage } from '../surface/messages/status.ts';
import type { Heard } from './heard.ts';
import type { CoverageStretch } from './history.ts';
import { stretchBetween } from './stretch.ts';

/** A vehicle that says it is there is heard at least this often; after three times that its silence is told. */
export const SILENT_AFTER_MS = 30_000;

/** Whether the vehicle sees, as far as it is known above water. `unknown` and `blind` are never "no defect". */
export type Sight =
  | { readonly kind: 'unknown'; readonly why: 'never-heard' | 'silent' | 'offline' | 'stopped' | 'no-broker' }
  | {
      readonly kind: 'cannot-see';
      readonly parts: readonly { readonly part: string; readonly reason: string | null }[];
    }
  | { readonly kind: 'blind'; readonly reason: string | null }
  | { readonly kind: 'not-inspecting' }
  | { readonly kind: 'watching' };

/** What is known of one vehicle now, as the page shows it. */
export interface VehicleView {
  readonly vehicle: string;
  readonly state: StateMessage['state'] | null;
  readonly version: string | null;
  readonly clockQuality: StateMessage['clockQuality'] | null;
  /** When it last said something itself, our UTC ms; the broker's memory does not count. */
  readonly heardUtcMs: number | null;
  readonly sight: Sight;
  readonly parts: readonly Pick<StatusMessage, 'part' | 'condition' | 'reason' | 'since'>[];
  readonly light: Pick<LightMessage, 'lit' | 'shows' | 'findings' | 'down' | 'since'> | null;
  readonly model: Pick<ModelMessage, 'model' | 'slot' | 'thresholds' | 'trainedOn'> | null;
  readonly run: RunMessage['run'];
  readonly health: Pick<
    HealthMessage,
    'fps' | 'temperatureCelsius' | 'outbox' | 'latencyMs' | 'provider' | 'uptimeSeconds' | 'drops'
  > | null;
}

/** What is remembered of one vehicle while the console runs. */
export class VehiclePicture {
  readonly vehicle: string;
  private heardAt: number | null;
  private state: StateMessage | null = null;
  private readonly parts = new Map<string, StatusMessage>();
  private light: LightMessage | null = null;
  private model: ModelMessage | null = null;
  private run: RunMessage | null = null;
  private health: HealthMessage | null = null;
  private stretch: CoverageStretch | null = null;

  constructor(vehicle: string, heardUtcMs: number | null) {
    this.vehicle = vehicle;
    this.heardAt = heardUtcMs;
  }

  get heardUtcMs(): number | null {
    return this.heardAt;
  }

  get online(): StateMessage | null {
    return this.state?.state === 'online' ? this.state : null;
  }

  /**
   * Takes a message in.
   *
   * @param saidUtcMs when the vehicle said it, our clock; null: the broker's memory, or not known
   * @returns the stretch of time that it tells of, where it is a run's coverage
   */
  hear(heard: Heard, saidUtcMs: number | null): CoverageStretch | null {
    if (saidUtcMs !== null) this.heardAt = Math.max(this.heardAt ?? 0, saidUtcMs);
    switch (heard.kind) {
      case 'state':
        this.hearState(heard.message);
        return null;
      case 'status':
        this.parts.set(heard.message.part, heard.message);
        return null;
      case 'light':
        this.light = heard.message;
        return null;
      case 'model':
        this.model = heard.message;
        return null;
      case 'health':
        this.health = heard.message;
        return null;
      case 'run':
        return this.hearRun(heard.message);
      default:
        return null;
    }
  }

  private hearState(message: StateMessage): void {
    // A will of another session than the last online one is old news.
    if (message.state === 'offline' && this.online !== null && this.online.session !== message.session)
      return;
    this.state = message;
    if (message.state !== 'online') this.health = null;
  }

  private hearRun(message: RunMessage): CoverageStretch | null {
    const before = this.run;
    const isOlder = before?.boot === message.boot && before.sequence >= message.sequence;
    if (isOlder) return null;
    this.run = message;
    const stretch = stretchBetween(before, message);
    if (stretch !== null) this.stretch = stretch;
    return stretch;
  }

  /** @param broker whether there is a connection to the broker */
  view(nowUtcMs: number, broker: boolean): VehicleView {
    const { state, light, model } = this;
    const health = this.health;
    const run = this.run?.run ?? null;
    return {
      vehicle: this.vehicle,
      state: state?.state ?? null,
      version: state?.version ?? null,
      clockQuality: this.run?.clockQuality ?? state?.clockQuality ?? null,
      heardUtcMs: this.heardAt,
      sight: this.sight(nowUtcMs, broker),
      parts: [...this.parts.values()].map(({ part, condition, reason, since }) => ({
        part,
        condition,
        reason,
        since,
      })),
      light: light && {
        lit: light.lit,
        shows: light.shows,
        findings: light.findings,
        down: light.down,
        since: light.since,
      },
      model: model && {
        model: model.model,
        slot: model.slot,
        thresholds: model.thresholds,
        trainedOn: model.trainedOn,
      },
      run,
      health: health && {
        fps: health.fps,
        temperatureCelsius: health.temperatureCelsius,
        outbox: health.outbox,
        latencyMs: health.latencyMs,
        provider: health.provider,
        uptimeSeconds: health.uptimeSeconds,
        drops: health.drops,
      },
    };
  }

  private sight(nowUtcMs: number, broker: boolean): Sight {
    if (!broker) return { kind: 'unknown', why: 'no-broker' };
    if (this.state === null) return { kind: 'unknown', why: 'never-heard' };
    if (this.state.state === 'offline') return { kind: 'unknown', why: 'offline' };
    if (this.state.state === 'stopped') return { kind: 'unknown', why: 'stopped' };
    if (this.heardAt === null || nowUtcMs - this.heardAt > SILENT_AFTER_MS)
      return { kind: 'unknown', why: 'silent' };
    const down = (['camera', 'engine'] as const).flatMap((name) => {
      const part = this.parts.get(name);
      return part === undefined || part.condition === 'ok' ? [] : [{ part: name, reason: part.reason }];
    });
    if (down.length > 0) return { kind: 'cannot-see', parts: down };
    if (this.light?.shows === 'cannot-see')
      return { kind: 'cannot-see', parts: this.light.down.map((part) => ({ part, reason: null })) };
    const run = this.run?.run ?? null;
    if (run === null || run.endedAt !== null) return { kind: 'not-inspecting' };
    const stretch = this.stretch;
    if (stretch !== null && stretch.run === run.id && stretch.blind > stretch.seen)
      return { kind: 'blind', reason: stretch.reason };
    return { kind: 'watching' };
  }
}
