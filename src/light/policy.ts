/** When the alert light shines and how; from the configuration. */
export interface LightPolicy {
  /**
   * What ends the light after the crack has gone. `latch`: only an acknowledgement. `hold`: `holdSeconds` after the
   * finding closed, or an acknowledgement.
   */
  readonly onCrack: 'latch' | 'hold';
  /** Seconds, 0..86,400; used with `hold`. */
  readonly holdSeconds: number;
  /** `on`: steady while a corrosion finding is open. */
  readonly corrosion: 'off' | 'on';
  /** How long camera or engine may be down before the light says so, seconds, 0..3,600. */
  readonly faultAfterSeconds: number;
  /**
   * `heartbeat`: a short blip now and then while verdicts are produced, because a dark lamp may also be a dead one.
   * Not for a lamp that the camera sees.
   */
  readonly idle: 'off' | 'heartbeat';
  /** Length of the lamp test at start and of one asked for without a length, seconds, 0..60; 0: none at start. */
  readonly lampTestSeconds: number;
  /** The level that is written when the light stops. */
  readonly safeLevel: 'off' | 'on';
  /** Quick, so that it differs from the fault blink and is seen also while a crack lights the lamp. */
  readonly lampTestBlink: Blink;
  /** Slow: cannot see. */
  readonly faultBlink: Blink;
  readonly heartbeat: Blink;
}

/** A repeated pattern that begins lit, ms, each at least 10. */
export interface Blink {
  readonly onMs: number;
  readonly offMs: number;
}

export const DEFAULT_LIGHT_POLICY: LightPolicy = {
  onCrack: 'latch',
  holdSeconds: 10,
  corrosion: 'off',
  faultAfterSeconds: 10,
  idle: 'off',
  lampTestSeconds: 2,
  safeLevel: 'off',
  lampTestBlink: { onMs: 250, offMs: 250 },
  faultBlink: { onMs: 1000, offMs: 1000 },
  heartbeat: { onMs: 50, offMs: 4950 },
};

/** Everything wrong with the policy, one sentence each; empty when it can be used. */
export function policyMistakes(policy: LightPolicy): string[] {
  const mistakes: string[] = [];
  const between = (name: string, value: number, low: number, high: number): void => {
    if (!(value >= low && value <= high)) {
      mistakes.push(`${name} is ${value}; it must be from ${low} to ${high}`);
    }
  };
  between('holdSeconds', policy.holdSeconds, 0, 86_400);
  between('faultAfterSeconds', policy.faultAfterSeconds, 0, 3_600);
  between('lampTestSeconds', policy.lampTestSeconds, 0, 60);
  for (const name of ['lampTestBlink', 'faultBlink', 'heartbeat'] as const) {
    between(`${name}.onMs`, policy[name].onMs, 10, 60_000);
    between(`${name}.offMs`, policy[name].offMs, 10, 60_000);
  }
  return mistakes;
}

/** The parts without which SPECTA cannot see. */
export type SightPart = 'camera' | 'engine';

/**
 * What the light shows and why. From the first to the last, the earlier one wins:
 * `stopped`: not running, safe level. `lamp-test`: quick blink. `crack`: steady, crack findings are open.
 * `latched`: steady, a crack was found and not acknowledged. `holding`: steady, a crack has gone a moment ago.
 * `corrosion`: steady. `cannot-see`: slow blink. `heartbeat`: a blip now and then. `dark`: off.
 */
export type LightShow =
  | { readonly kind: 'stopped'; readonly level: 'off' | 'on' }
  | { readonly kind: 'lamp-test' }
  | { readonly kind: 'crack'; readonly findings: readonly string[] }
  | { readonly kind: 'latched' }
  | { readonly kind: 'holding' }
  | { readonly kind: 'corrosion'; readonly findings: readonly string[] }
  | { readonly kind: 'cannot-see'; readonly parts: readonly SightPart[] }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'dark' };

/** All that the light remembers; times are monotonic ms. */
export interface LightMemory {
  readonly running: boolean;
  /** Open crack findings; true once acknowledged, so that they leave no latch and no hold behind. */
  readonly cracks: ReadonlyMap<string, boolean>;
  readonly corrosion: ReadonlySet<string>;
  readonly latched: boolean;
  readonly holdUntilMs: number;
  readonly lampTestUntilMs: number;
  /** Parts that are down, and since when the vehicle cannot see without a break. */
  readonly down: ReadonlySet<SightPart>;
  readonly downSinceMs: number;
  readonly lastVerdictMs: number;
}

/** What to show now, and when to look again though nothing happens; Infinity: never. */
export interface Decision {
  readonly show: LightShow;
  readonly untilMs: number;
}

/** Decides by the precedence of {@link LightShow}. Pure. */
export function decide(memory: LightMemory, policy: LightPolicy, nowMs: number): Decision {
  const forever = Number.POSITIVE_INFINITY;
  if (!memory.running) return { show: { kind: 'stopped', level: policy.safeLevel }, untilMs: forever };
  if (nowMs < memory.lampTestUntilMs) {
    return { show: { kind: 'lamp-test' }, untilMs: memory.lampTestUntilMs };
  }
  if (memory.cracks.size > 0) {
    return { show: { kind: 'crack', findings: [...memory.cracks.keys()] }, untilMs: forever };
  }
  if (memory.latched) return { show: { kind: 'latched' }, untilMs: forever };
  if (nowMs < memory.holdUntilMs) return { show: { kind: 'holding' }, untilMs: memory.holdUntilMs };
  if (policy.corrosion === 'on' && memory.corrosion.size > 0) {
    return { show: { kind: 'corrosion', findings: [...memory.corrosion] }, untilMs: forever };
  }
  const faultFromMs = memory.down.size === 0 ? forever : memory.downSinceMs + policy.faultAfterSeconds * 1000;
  if (nowMs >= faultFromMs) {
    return { show: { kind: 'cannot-see', parts: [...memory.down] }, untilMs: forever };
  }
  const { onMs, offMs } = policy.heartbeat;
  const beatsUntilMs = policy.idle === 'heartbeat' ? memory.lastVerdictMs + onMs + offMs : -forever;
  if (nowMs < beatsUntilMs) {
    return { show: { kind: 'heartbeat' }, untilMs: Math.min(beatsUntilMs, faultFromMs) };
  }
  return { show: { kind: 'dark' }, untilMs: faultFromMs };
}

/** Whether the lamp is lit `elapsedMs` into a show, and how long that stays so, ms (Infinity: as long as the show). */
export function levelOf(
  show: LightShow,
  policy: LightPolicy,
  elapsedMs: number,
): { readonly lit: boolean; readonly forMs: number } {
  switch (show.kind) {
    case 'stopped':
      return { lit: show.level === 'on', forMs: Number.POSITIVE_INFINITY };
    case 'lamp-test':
      return blinkLevel(policy.lampTestBlink, elapsedMs);
    case 'crack':
    case 'latched':
    case 'holding':
    case 'corrosion':
      return { lit: true, forMs: Number.POSITIVE_INFINITY };
    case 'cannot-see':
      return blinkLevel(policy.faultBlink, elapsedMs);
    case 'heartbeat':
      return blinkLevel(policy.heartbeat, elapsedMs);
    case 'dark':
      return { lit: false, forMs: Number.POSITIVE_INFINITY };
  }
}

function blinkLevel(blink: Blink, elapsedMs: number): { lit: boolean; forMs: number } {
  const period = blink.onMs + blink.offMs;
  const phase = elapsedMs % period;
  return phase < blink.onMs
    ? { lit: true, forMs: blink.onMs - phase }
    : { lit: false, forMs: period - phase };
}
