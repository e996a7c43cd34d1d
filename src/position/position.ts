import type { Fix } from '../domain/fix.ts';
import type { PartStatus } from '../domain/status.ts';
import type { Instant } from '../domain/time.ts';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { asSpectaError } from '../platform/errors.ts';
import type { PositionDrop, PositionSource, Readings, Sighting } from './position-source.ts';
import type { Route } from './route.ts';

export interface PositionOptions {
  readonly source: PositionSource;
  /** A reading is not known any more when it is older than this, ms. */
  readonly staleMs: number;
  /** Reads the route; null: none is given, and only a source can tell a KP. */
  readonly route: (() => Promise<Route>) | null;
  /** No KP when the vehicle is farther from the route than this, metres. */
  readonly offRouteMetres: number;
  readonly clock: Clock;
}

interface Reading {
  readonly value: number;
  readonly at: Instant;
}

type Condition = Pick<PartStatus, 'condition' | 'reason'>;

const TICK_MS = 1_000;
const NAMES = ['kp', 'latitude', 'longitude', 'depth', 'heading'] as const;

/** Where the vehicle is: what one source told last, as long as it is fresh, with the KP along the route. */
export class Position {
  private readonly options: PositionOptions;
  private readonly conditions = new Emitter<Condition>();
  private readonly newest = new Map<keyof Readings, Reading>();
  private readonly ends: (() => void)[] = [];
  private route: Route | null = null;
  private routeProblem: string | null = null;
  private kpProblem: string | null = null;
  private told: Condition | null = null;
  private cancelTick: () => void = () => undefined;
  private stopped = false;

  constructor(options: PositionOptions) {
    this.options = options;
  }

  get dropped(): Readonly<Partial<Record<PositionDrop, number>>> {
    return this.options.source.dropped;
  }

  /** How `status/position` puts it, now. */
  get condition(): Condition {
    const { source } = this.options;
    const { state } = source;
    if (state.kind === 'idle' || state.kind === 'stopped') {
      return { condition: 'absent', reason: 'the position is not listened for' };
    }
    if (state.kind === 'recovering') return { condition: 'recovering', reason: state.reason };
    if (this.newest.size === 0) {
      return { condition: 'recovering', reason: `nothing was heard yet on ${source.name}` };
    }
    const fresh = this.fresh(this.options.clock.now());
    if (fresh.size === 0) return { condition: 'recovering', reason: this.silence() };
    if (this.routeProblem !== null) return { condition: 'failed', reason: this.routeProblem };
    const missing = this.missing(fresh);
    return { condition: missing === null ? 'ok' : 'recovering', reason: missing };
  }

  /** Calls `listener` on each change; the returned function ends it. */
  onCondition(listener: (condition: Condition) => void): () => void {
    return this.conditions.on(listener);
  }

  /** Begins to listen and reads the route; idempotent. A route that cannot be read costs the KP, nothing else. */
  start(): void {
    const { source, route } = this.options;
    if (this.ends.length > 0 || this.stopped) return;
    this.ends.push(
      source.onSighting((sighting) => this.hear(sighting)),
      source.onState(() => this.tell()),
    );
    if (route !== null) {
      this.kpProblem = 'the route is not read yet';
      route().then(
        (read) => {
          this.route = read;
          this.kpProblem = null;
          this.locate();
        },
        (error: unknown) => {
          this.routeProblem = `no KP: ${asSpectaError(error).message}`;
          this.kpProblem = this.routeProblem;
          this.tell();
        },
      );
    }
    source.start();
    this.tick();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTick();
    await this.options.source.stop();
    for (const end of this.ends.splice(0)) end();
  }

  /**
   * Where the vehicle was at a moment that has just passed. Stale parts are null, and `missing` says why; with nothing
   * fresh at all the fix is empty but for that.
   */
  fixAt(at: Instant): Fix {
    const { source } = this.options;
    const fresh = this.fresh(at);
    const value = (name: keyof Readings): number | null => fresh.get(name)?.value ?? null;
    const oldest = [...fresh.values()].reduce<Instant | null>(
      (found, reading) => (found === null || reading.at.monoMs < found.monoMs ? reading.at : found),
      null,
    );
    return {
      at: oldest ?? at,
      source: source.name,
      kp: value('kp'),
      latitude: value('latitude'),
      longitude: value('longitude'),
      depth: value('depth'),
      heading: value('heading'),
      missing: fresh.size === 0 ? this.silence() : this.missing(fresh),
    };
  }

  private hear({ at, readings }: Sighting): void {
    for (const name of NAMES) {
      const value = readings[name];
      if (value !== undefined) this.newest.set(name, { value, at });
    }
    if (readings.latitude !== undefined) this.locate();
    this.tell();
  }

  /** A route says where along it a place is; without one the source's own KP stands. */
  private locate(): void {
    const latitude = this.newest.get('latitude');
    const longitude = this.newest.get('longitude');
    if (this.route === null || latitude === undefined || longitude === undefined) return;
    const { kp, offMetres } = this.route.locate({ latitude: latitude.value, longitude: longitude.value });
    if (offMetres <= this.options.offRouteMetres) {
      this.kpProblem = null;
      this.newest.set('kp', { value: kp, at: latitude.at });
    } else {
      this.kpProblem = `no KP: farther than ${this.options.offRouteMetres} m from the route`;
      this.newest.delete('kp');
    }
  }

  private fresh(at: Instant): Map<keyof Readings, Reading> {
    const { staleMs } = this.options;
    return new Map([...this.newest].filter(([, reading]) => at.monoMs - reading.at.monoMs <= staleMs));
  }

  /** Why parts are missing that were there, or that a route promises; a part never told is not missed. */
  private missing(fresh: ReadonlyMap<keyof Readings, Reading>): string | null {
    const stale = NAMES.filter((name) => this.newest.has(name) && !fresh.has(name) && name !== 'longitude');
    const reasons = stale.map((name) => `${name} stale since ${clockTime(this.newest.get(name))}`);
    if (!fresh.has('kp')) {
      if (this.kpProblem !== null) reasons.push(this.kpProblem);
      else if (this.route !== null && !this.newest.has('latitude'))
        reasons.push('no KP: no latitude was heard');
    }
    return reasons.length === 0 ? null : reasons.join('; ');
  }

  private silence(): string {
    const last = [...this.newest.values()].reduce<Reading | undefined>(
      (found, reading) => (found === undefined || reading.at.monoMs > found.at.monoMs ? reading : found),
      undefined,
    );
    const { name, state } = this.options.source;
    if (last !== undefined) return `nothing heard on ${name} since ${clockTime(last)}`;
    return state.kind === 'recovering' ? state.reason : `nothing was heard yet on ${name}`;
  }

  private tick(): void {
    this.tell();
    this.cancelTick = this.options.clock.after(TICK_MS, () => this.tick());
  }

  private tell(): void {
    if (this.stopped) return;
    const { condition } = this;
    if (this.told?.condition === condition.condition && this.told.reason === condition.reason) return;
    this.told = condition;
    this.conditions.emit(condition);
  }
}

function clockTime(reading: Reading | undefined): string {
  return reading === undefined ? 'the start' : `${new Date(reading.at.utcMs).toISOString().slice(0, 19)}Z`;
}
