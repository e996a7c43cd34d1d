import type { FindingChange } from '../domain/finding.ts';
import type { PartCondition, PartStatus } from '../domain/status.ts';
import type { Instant } from '../domain/time.ts';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { asSpectaError } from '../platform/errors.ts';
import type { GpioLine } from './gpio/gpio-line.ts';
import {
  decide,
  type LightPolicy,
  type LightShow,
  levelOf,
  policyMistakes,
  type SightPart,
} from './policy.ts';

/** What the light shows, why, and since when. Blinking is one state, not many. */
export type LightState = LightShow & { readonly since: Instant };

/**
 * The alert light. It needs a line and a clock, nothing else: it works with link, record and broker down. No call
 * throws because of the line: a line that fails is told by {@link status}, and tried again.
 */
export interface Light {
  readonly state: LightState;
  /** The level that the lamp is meant to have now; the line's own state says whether it has. */
  readonly lit: boolean;
  readonly status: PartStatus;
  /** Takes the line and begins with a lamp test. Idempotent; may follow a stop. */
  start(): void;
  /** Writes the safe level, gives the line back and leaves no timer. Idempotent. What was found is remembered. */
  stop(): void;
  /**
   * Follows a finding. A change that is not its first is enough to know it; one that only tells of its end counts as a
   * crack found just now, because a lamp lit for nothing is better than a crack unseen.
   */
  follow(change: FindingChange): void;
  /** Says that a person knows: ends latch and hold, also of cracks in view when they close. False: nothing to end. */
  acknowledge(): boolean;
  /** Says whether camera or engine is down. */
  setDown(part: SightPart, isDown: boolean): void;
  /** Says that a verdict was produced, blind or not. Cheap enough for every frame. */
  beat(): void;
  /** Blinks the lamp for so many seconds (0..60, by default as at start). False, and no test, when stopped. */
  test(seconds?: number): boolean;
  /** Calls `listener` at each change of {@link state}; the returned function ends it. */
  onState(listener: (state: LightState) => void): () => void;
  /** Calls `listener` at each change of {@link status}; the returned function ends it. */
  onStatus(listener: (status: PartStatus) => void): () => void;
}

/** First pause before a failed line is tried again, ms; it doubles up to {@link MAX_PAUSE_MS}. */
export const FIRST_PAUSE_MS = 1_000;
export const MAX_PAUSE_MS = 30_000;
/** A level that does not change is written again this often, ms: a line that vanished under a steady lamp is found. */
export const REFRESH_MS = 10_000;

/** Throws RangeError naming every mistake in the policy. */
export function createLight(line: GpioLine, policy: LightPolicy, clock: Clock): Light {
  const mistakes = policyMistakes(policy);
  if (mistakes.length > 0) throw new RangeError(`Light policy: ${mistakes.join('; ')}.`);
  return new PolicyLight(line, policy, clock);
}

class PolicyLight implements Light {
  private readonly line: GpioLine;
  private readonly policy: LightPolicy;
  private readonly clock: Clock;
  private readonly states = new Emitter<LightState>();
  private readonly statuses = new Emitter<PartStatus>();
  private readonly memory = {
    running: false,
    cracks: new Map<string, boolean>(),
    corrosion: new Set<string>(),
    latched: false,
    holdUntilMs: Number.NEGATIVE_INFINITY,
    lampTestUntilMs: Number.NEGATIVE_INFINITY,
    down: new Set<SightPart>(),
    downSinceMs: Number.NEGATIVE_INFINITY,
    lastVerdictMs: Number.NEGATIVE_INFINITY,
  };
  private current: LightState;
  private level: boolean;
  private told: PartStatus;
  /** When a failed line is tried again; null while it works. */
  private outage: { readonly pauseMs: number; readonly retryAtMs: number } | null = null;
  private writtenAtMs = Number.NEGATIVE_INFINITY;
  private cancelTimer: () => void = () => {};
  /** The line is ours, or would be if it worked. */
  private isHeld = false;
  private isDriving = false;
  private isStale = false;

  constructor(line: GpioLine, policy: LightPolicy, clock: Clock) {
    this.line = line;
    this.policy = policy;
    this.clock = clock;
    const now = clock.now();
    this.current = { kind: 'stopped', level: policy.safeLevel, since: now };
    this.level = policy.safeLevel === 'on';
    this.told = {
      part: 'light',
      condition: 'absent',
      reason: 'The light is not started yet.',
      sinceUtcMs: now.utcMs,
    };
  }

  get state(): LightState {
    return this.current;
  }

  get lit(): boolean {
    return this.level;
  }

  get status(): PartStatus {
    return this.told;
  }

  start(): void {
    if (this.memory.running) return;
    this.memory.running = true;
    this.memory.lampTestUntilMs = this.clock.now().monoMs + this.policy.lampTestSeconds * 1000;
    this.drive();
  }

  stop(): void {
    if (!this.memory.running) return;
    this.memory.running = false;
    this.memory.lampTestUntilMs = Number.NEGATIVE_INFINITY;
    this.drive();
  }

  follow(change: FindingChange): void {
    const { id, defect } = change.finding;
    const { cracks, corrosion } = this.memory;
    const isOpen = change.phase !== 'closed';
    if (defect === 'corrosion') {
      if (isOpen) corrosion.add(id);
      else corrosion.delete(id);
    } else if (isOpen) {
      cracks.set(id, cracks.get(id) ?? false);
    } else {
      const isAcknowledged = cracks.get(id) ?? false;
      cracks.delete(id);
      if (!isAcknowledged) this.remember();
    }
    this.drive();
  }

  acknowledge(): boolean {
    const { cracks, latched, holdUntilMs } = this.memory;
    const hasUnknown = [...cracks.values()].includes(false);
    const isHolding = this.clock.now().monoMs < holdUntilMs;
    for (const id of cracks.keys()) cracks.set(id, true);
    this.memory.latched = false;
    this.memory.holdUntilMs = Number.NEGATIVE_INFINITY;
    this.drive();
    return hasUnknown || latched || isHolding;
  }

  setDown(part: SightPart, isDown: boolean): void {
    const { down } = this.memory;
    if (down.has(part) === isDown) return;
    if (!isDown) down.delete(part);
    else {
      if (down.size === 0) this.memory.downSinceMs = this.clock.now().monoMs;
      down.add(part);
    }
    this.drive();
  }

  beat(): void {
    this.memory.lastVerdictMs = this.clock.now().monoMs;
    // While it beats already, the timer finds the later verdict by itself.
    if (this.policy.idle === 'heartbeat' && this.current.kind === 'dark') this.drive();
  }

  test(seconds: number = this.policy.lampTestSeconds): boolean {
    if (!this.memory.running) return false;
    const length = Number.isFinite(seconds) ? Math.min(60, Math.max(0, seconds)) : 0;
    this.memory.lampTestUntilMs = this.clock.now().monoMs + length * 1000;
    this.drive();
    return true;
  }

  onState(listener: (state: LightState) => void): () => void {
    return this.states.on(listener);
  }

  onStatus(listener: (status: PartStatus) => void): () => void {
    return this.statuses.on(listener);
  }

  private remember(): void {
    if (this.policy.onCrack === 'latch') this.memory.latched = true;
    else this.memory.holdUntilMs = this.clock.now().monoMs + this.policy.holdSeconds * 1000;
  }

  /** Brings state, line and the one timer in line with what is remembered and what time it is. */
  private drive(): void {
    this.isStale = true;
    // A listener that calls back is served by another turn of the loop, so that no turn works on old facts.
    if (this.isDriving) return;
    this.isDriving = true;
    try {
      while (this.isStale) {
        this.isStale = false;
        this.turn();
      }
    } finally {
      this.isDriving = false;
    }
  }

  private turn(): void {
    this.cancelTimer();
    this.cancelTimer = () => {};
    const now = this.clock.now();
    const { show, untilMs } = decide(this.memory, this.policy, now.monoMs);
    const isNew = show.kind !== this.current.kind;
    const isChanged = isNew || reasonOf(show) !== reasonOf(this.current);
    if (isChanged) this.current = { ...show, since: isNew ? now : this.current.since };
    const { lit, forMs } = levelOf(show, this.policy, now.monoMs - this.current.since.monoMs);
    this.level = lit;
    if (show.kind === 'stopped') this.release(lit);
    else {
      this.isHeld = true;
      this.write(lit, now.monoMs, isNew);
      const writeAtMs = this.outage?.retryAtMs ?? this.writtenAtMs + REFRESH_MS;
      const nextMs = Math.min(untilMs, now.monoMs + forMs, writeAtMs);
      // At least 1 ms: a remainder too small for the clock to show would fire again and again in one moment.
      this.cancelTimer = this.clock.after(Math.max(1, nextMs - now.monoMs), () => this.drive());
    }
    if (isChanged) this.states.emit(this.current);
  }

  private release(safe: boolean): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    // Closing never throws, so only a write before it can tell whether the safe level arrived.
    this.write(safe, this.clock.now().monoMs, true);
    const isReached = this.outage === null;
    this.line.close(safe);
    this.outage = null;
    this.writtenAtMs = Number.NEGATIVE_INFINITY;
    const level = safe ? 'on' : 'off';
    this.tell(
      'absent',
      isReached
        ? `The light is stopped, ${level}.`
        : `The light is stopped; its line had failed, so it may not be ${level}.`,
    );
  }

  /** @param isUrgent another show begins: a failed line is tried at once, without waiting for its pause to end */
  private write(lit: boolean, nowMs: number, isUrgent: boolean): void {
    const { outage, line } = this;
    const { state } = line;
    const isEarly = outage !== null && nowMs < outage.retryAtMs;
    if (isEarly && !isUrgent) return;
    const isFresh = nowMs < this.writtenAtMs + REFRESH_MS;
    if (outage === null && !isUrgent && state.kind === 'open' && state.lit === lit && isFresh) return;
    try {
      if (state.kind === 'open') line.set(lit);
      else line.open(lit);
      this.writtenAtMs = nowMs;
      this.outage = null;
      this.tell('ok', null);
    } catch (error) {
      const { message, help } = asSpectaError(error);
      const pauseMs = outage === null ? FIRST_PAUSE_MS : Math.min(MAX_PAUSE_MS, outage.pauseMs * 2);
      if (!isEarly) this.outage = { pauseMs, retryAtMs: nowMs + pauseMs };
      this.tell('recovering', `${message} ${help}`);
    }
  }

  private tell(condition: PartCondition, reason: string | null): void {
    if (condition === this.told.condition && reason === this.told.reason) return;
    const sinceUtcMs = condition === this.told.condition ? this.told.sinceUtcMs : this.clock.now().utcMs;
    this.told = { part: 'light', condition, reason, sinceUtcMs };
    this.statuses.emit(this.told);
  }
}

/** What may change within one kind of show, as text to compare. */
function reasonOf(show: LightShow): string {
  if (show.kind === 'crack' || show.kind === 'corrosion') return show.findings.join();
  return show.kind === 'cannot-see' ? show.parts.join() : '';
}
