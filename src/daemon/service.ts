import { flushCompileCache } from 'node:module';
import type { CameraState } from '../camera/frame-source.ts';
import type { Part, PartStatus } from '../domain/status.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import type { ServiceManager } from '../platform/systemd.ts';
import type { Link } from '../surface/link.ts';
import type { DaemonEvent } from './events.ts';
import { every, type Repetition } from './every.ts';
import { type Patience, readiness, type ServiceFacts, vitality } from './service-state.ts';

/** What the service looks at; a daemon has it. */
export interface Watched {
  readonly camera: { readonly state: CameraState };
  readonly link: Pick<Link, 'state'>;
}

/** Start-up may build a GPU engine; each second of it asks the manager for this much more, ms. */
const START_STEP_MS = 30_000;
/** The most that start-up asks for in all, ms. */
const START_LIMIT_MS = 20 * 60_000;
const TICK_MS = 1_000;
/** A recovery is the same for at most this long, ms: pauses between attempts are 30 s at most. */
const RECOVERY_PATIENCE_MS = 5 * 60_000;
const PARTS: readonly Part[] = ['camera', 'engine', 'light', 'record', 'link'];

/**
 * The daemon as a service: tells the manager when it is ready, how it is, and that it lives. It only listens, so that a
 * daemon without a manager runs just the same.
 */
export class Service {
  private readonly manager: ServiceManager;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly statuses = new Map<Part, PartStatus>();
  private readonly createdMs: number;
  private readonly patience: Patience;
  private readonly ticking: Repetition;
  private watched: Watched | null = null;
  private startedMs: number | null = null;
  private lastVerdictMs: number | null = null;
  private lastChangeMs: number;
  private lastPingMs = Number.NEGATIVE_INFINITY;
  private lastCamera = '';
  private verdicts = 0;
  private ratedMs: number;
  private rate = 0;
  private line = '';
  private isReady = false;
  private isStopping = false;
  private wasAlive = true;
  private toldLost = false;

  constructor(manager: ServiceManager, clock: Clock, log: Logger) {
    this.manager = manager;
    this.clock = clock;
    this.log = log;
    this.createdMs = clock.now().monoMs;
    this.lastChangeMs = this.createdMs;
    this.ratedMs = this.createdMs;
    // Half of the watchdog's time: a single slow verdict is no death, and the ping still comes in time.
    this.patience = { verdictMs: (manager.watchdogMs ?? 60_000) / 2, recoveryMs: RECOVERY_PATIENCE_MS };
    this.ticking = every(
      clock,
      TICK_MS,
      () => this.tick(),
      (error) => log.error({ error }, 'the service manager could not be told'),
    );
  }

  /** Takes what the daemon tells; to be called from its first event on. */
  hear(event: DaemonEvent): void {
    if (event.kind === 'verdict') {
      this.verdicts += 1;
      this.lastVerdictMs = this.clock.now().monoMs;
      if (!this.isReady) this.tick();
    } else if (event.kind === 'status') {
      this.statuses.set(event.status.part, event.status);
      if (event.status.part === 'camera' || event.status.part === 'engine')
        this.lastChangeMs = this.clock.now().monoMs;
    }
  }

  /** The daemon's parts are started. */
  watch(watched: Watched): void {
    this.watched = watched;
    this.startedMs = this.clock.now().monoMs;
    this.tick();
  }

  /** The daemon is about to stop. Idempotent. */
  stopping(reason: string): void {
    if (this.isStopping) return;
    this.isStopping = true;
    this.ticking.cancel();
    this.manager.stopping();
    this.manager.status(`stopping: ${reason}`);
  }

  /** Ends it all; idempotent. */
  close(): void {
    this.ticking.cancel();
    this.manager.close();
  }

  private tick(): void {
    if (this.isStopping) return;
    const nowMs = this.clock.now().monoMs;
    this.follow(nowMs);
    const facts = this.facts();
    if (!this.isReady) {
      const { isReady, waitsFor } = readiness(facts, nowMs);
      if (isReady) {
        this.isReady = true;
        this.manager.ready();
        this.log.info({ afterMs: Math.round(nowMs - this.createdMs) }, 'ready');
        // Node writes its cache at its end only, and a daemon that is killed has none.
        flushCompileCache();
      } else {
        if (nowMs - this.createdMs < START_LIMIT_MS) this.manager.extendTimeout(START_STEP_MS);
        this.tell(`starting: waiting for ${waitsFor.join(', ')}`);
      }
    }
    if (this.isReady) this.tell(this.summary(nowMs));
    this.ping(facts, nowMs);
    if (this.manager.lost > 0 && !this.toldLost) {
      this.toldLost = true;
      this.log.warn({ because: this.manager.lostBecause }, 'the service manager does not hear SPECTA');
    }
  }

  /** An attempt more is a sign of life that no part's status tells. */
  private follow(nowMs: number): void {
    const state = this.watched?.camera.state;
    if (state === undefined) return;
    const seen = state.kind === 'recovering' ? `recovering ${state.attempt} ${state.reason}` : state.kind;
    if (seen === this.lastCamera) return;
    this.lastCamera = seen;
    this.lastChangeMs = nowMs;
  }

  private facts(): ServiceFacts {
    return {
      camera: this.watched?.camera.state ?? null,
      link: this.watched?.link.state ?? null,
      engine: this.statuses.get('engine')?.condition ?? null,
      startedMs: this.startedMs,
      lastVerdictMs: this.lastVerdictMs,
      lastChangeMs: this.lastChangeMs,
    };
  }

  private ping(facts: ServiceFacts, nowMs: number): void {
    const { watchdogMs } = this.manager;
    // systemd looks at the watchdog from READY on.
    if (watchdogMs === null || !this.isReady) return;
    const { isAlive, because } = vitality(facts, nowMs, this.patience);
    if (isAlive !== this.wasAlive) {
      this.wasAlive = isAlive;
      if (isAlive) this.log.info({ because }, 'the watchdog is told again that the service lives');
      else this.log.error({ because }, 'the watchdog is no longer told that the service lives');
    }
    if (!isAlive || nowMs - this.lastPingMs < watchdogMs / 4) return;
    this.lastPingMs = nowMs;
    this.manager.watchdog();
  }

  private tell(line: string): void {
    if (line === this.line) return;
    this.line = line;
    this.manager.status(line);
  }

  private summary(nowMs: number): string {
    const elapsed = nowMs - this.ratedMs;
    if (elapsed >= 5_000) {
      this.rate = (this.verdicts * 1000) / elapsed;
      this.verdicts = 0;
      this.ratedMs = nowMs;
    }
    const troubles = PARTS.flatMap((part) => {
      const status = this.statuses.get(part);
      return status === undefined || status.condition === 'ok'
        ? []
        : [`${part} ${status.condition}${status.reason === null ? '' : `: ${status.reason}`}`];
    });
    const { isAlive, because } = vitality(this.facts(), nowMs, this.patience);
    if (!isAlive) troubles.unshift(because);
    return `${this.rate.toFixed(1)} verdicts/s; ${troubles.length === 0 ? 'all parts work' : troubles.join('; ')}`;
  }
}
