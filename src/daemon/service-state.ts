import type { CameraState } from '../camera/frame-source.ts';
import type { PartStatus } from '../domain/status.ts';
import type { LinkState } from '../surface/link.ts';

/** What the service knows of the daemon at one moment; times are monotonic ms. */
export interface ServiceFacts {
  /** null while the daemon is still being started. */
  readonly camera: CameraState | null;
  readonly link: LinkState | null;
  readonly engine: PartStatus['condition'] | null;
  /** When the daemon's parts were all started; null before. */
  readonly startedMs: number | null;
  /** When the last verdict came; null: none yet. */
  readonly lastVerdictMs: number | null;
  /** When camera or engine last changed: a new state, another attempt, another reason. */
  readonly lastChangeMs: number;
}

/** How long the watchdog waits for a sign, ms. */
export interface Patience {
  /** Camera and engine work: a verdict must come within this. */
  readonly verdictMs: number;
  /** One of them recovers: something new must be told of the recovery within this. */
  readonly recoveryMs: number;
}

/** A broker that neither answers nor refuses counts as tried after this, ms. */
export const BROKER_PATIENCE_MS = 10_000;

/** Ready, or what is still waited for, in words. */
export function readiness(
  facts: ServiceFacts,
  nowMs: number,
): { readonly isReady: boolean; readonly waitsFor: string[] } {
  const waitsFor: string[] = [];
  const { camera, link, startedMs } = facts;
  if (facts.engine !== 'ok') waitsFor.push('the engine to warm up');
  // A camera that names its fault is as ready as it can be: the service then says so and goes on looking for it.
  const isFaulty = camera?.kind === 'recovering' || camera?.kind === 'stopped';
  if (facts.lastVerdictMs === null && !isFaulty) waitsFor.push('the first verdict');
  const hasTried =
    link !== null &&
    (link.kind === 'connected' ||
      link.kind === 'waiting' ||
      (link.kind === 'connecting' && link.attempt > 1) ||
      (startedMs !== null && nowMs - startedMs >= BROKER_PATIENCE_MS));
  if (!hasTried) waitsFor.push('an attempt to reach the broker');
  return { isReady: waitsFor.length === 0, waitsFor };
}

/**
 * Whether the watchdog may be told that the service lives, and why. A ping that a timer gives by itself proves only that
 * the timer runs; this one asks for verdicts, or for a recovery that gets on.
 */
export function vitality(
  facts: ServiceFacts,
  nowMs: number,
  patience: Patience,
): { readonly isAlive: boolean; readonly because: string } {
  const { camera, engine, lastVerdictMs, lastChangeMs } = facts;
  if (camera?.kind === 'stopped') return { isAlive: true, because: 'the camera was stopped' };
  const isWorking = camera?.kind === 'streaming' && engine === 'ok';
  const signMs = isWorking ? Math.max(lastVerdictMs ?? lastChangeMs, lastChangeMs) : lastChangeMs;
  const silence = nowMs - signMs;
  const seconds = `${(silence / 1000).toFixed(0)} s`;
  if (!isWorking) {
    const part = engine !== null && engine !== 'ok' ? 'engine' : 'camera';
    return silence <= patience.recoveryMs
      ? { isAlive: true, because: `the ${part} recovers` }
      : { isAlive: false, because: `the recovery of the ${part} has not moved for ${seconds}` };
  }
  return silence <= patience.verdictMs
    ? { isAlive: true, because: 'verdicts come' }
    : { isAlive: false, because: `camera and engine work, but no verdict came for ${seconds}` };
}
