import type { Label } from '../domain/verdict.ts';

/** What a bundle on trial must do beside the one that serves, on the same live frames, before it may serve. */
export interface TrialRules {
  /** Enough, when both could judge so many frames. */
  readonly frames: number;
  /** Or after so long, ms … */
  readonly withinMs: number;
  /** … with at least so many frames: a camera that shows nothing proves nothing. */
  readonly leastFrames: number;
  /** It must be loaded and proved within so long, ms: TensorRT builds for minutes. */
  readonly provedWithinMs: number;
  /** The least share of frames with the same label, 0 to 1. */
  readonly agreement: number;
  /** The most by which its share of blind frames may be above that of the one that serves, 0 to 1. */
  readonly moreBlind: number;
  /** A frame that takes longer is late, ms. */
  readonly latencyMs: number;
  /** The most that may be late, as a share of all frames, 0 to 1. */
  readonly late: number;
  /** The most frames that may end in an error. */
  readonly errors: number;
}

/** Half a minute or more at 30 frames a second. */
export const TRIAL_RULES: TrialRules = {
  frames: 900,
  withinMs: 5 * 60_000,
  leastFrames: 300,
  provedWithinMs: 20 * 60_000,
  agreement: 0.9,
  moreBlind: 0.02,
  latencyMs: 100,
  late: 0.05,
  errors: 0,
};

/** What was counted so far. */
export interface TrialTally {
  /** Frames that were given to both. */
  readonly shown: number;
  /** Of these, frames that neither found blind. */
  readonly compared: number;
  readonly alike: number;
  readonly servingBlind: number;
  readonly shadowBlind: number;
  readonly late: number;
  readonly errors: number;
}

/**
 * `proving`: loaded beside the one that serves, its golden inputs are computed. `shadow`: it judges live frames and
 * nobody acts on its verdicts. `passed`: it is to be confirmed, then to serve. `failed`: it is to be closed; what served
 * has served all the time.
 */
export type TrialState =
  | { readonly kind: 'proving'; readonly sinceMs: number }
  | { readonly kind: 'shadow'; readonly sinceMs: number; readonly tally: TrialTally }
  | { readonly kind: 'passed'; readonly tally: TrialTally }
  | { readonly kind: 'failed'; readonly reason: string; readonly tally: TrialTally };

/** What happens in a trial; `nowMs` is monotonic. */
export type TrialEvent =
  /** The engine is loaded, its golden inputs are right. */
  | { readonly kind: 'proved'; readonly nowMs: number }
  /** One frame, judged by both; a label is null when blind. `ms`: the shadow's own time. */
  | {
      readonly kind: 'frame';
      readonly nowMs: number;
      readonly serving: Label | null;
      readonly shadow: Label | null;
      readonly ms: number;
    }
  /** The shadow could not judge a frame that the one that serves could. */
  | { readonly kind: 'error'; readonly nowMs: number }
  /** Time passes. */
  | { readonly kind: 'tick'; readonly nowMs: number }
  /** It cannot go on: it does not load, its golden inputs are wrong, its engine died, somebody ended it. */
  | { readonly kind: 'end'; readonly reason: string };

const NOTHING: TrialTally = {
  shown: 0,
  compared: 0,
  alike: 0,
  servingBlind: 0,
  shadowBlind: 0,
  late: 0,
  errors: 0,
};

export function newTrial(nowMs: number): TrialState {
  return { kind: 'proving', sinceMs: nowMs };
}

function tallyOf(state: TrialState): TrialTally {
  return state.kind === 'proving' ? NOTHING : state.tally;
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;

/**
 * Why a tally can no longer pass, whatever the remaining frames bring; null while it can.
 *
 * @param frames how many are to be compared in all
 */
function lostBy(tally: TrialTally, rules: TrialRules, frames: number): string | null {
  const { compared, alike, shown, servingBlind, shadowBlind, late, errors } = tally;
  if (errors > rules.errors) return `it failed on ${errors} ${errors === 1 ? 'frame' : 'frames'}`;
  // Decimal shares are not exact: 18 of 20 are 90 %.
  const mayDiffer = frames - Math.ceil(frames * rules.agreement - 1e-9);
  if (compared - alike > mayDiffer)
    return `it disagrees on ${compared - alike} of ${compared} frames; ${percent(1 - rules.agreement)} may differ`;
  // Shares of what was shown are only fair when enough was.
  if (shown < frames) return null;
  if (late > shown * rules.late)
    return `${late} of ${shown} frames took longer than ${rules.latencyMs} ms; ${percent(rules.late)} may`;
  if (shadowBlind - servingBlind > shown * rules.moreBlind)
    return `it was blind on ${shadowBlind} of ${shown} frames, the one that serves on ${servingBlind}`;
  return null;
}

function settled(sinceMs: number, nowMs: number, tally: TrialTally, rules: TrialRules): TrialState {
  const reason = lostBy(tally, rules, rules.frames);
  if (reason !== null) return { kind: 'failed', reason, tally };
  if (tally.compared >= rules.frames) return { kind: 'passed', tally };
  if (nowMs - sinceMs < rules.withinMs) return { kind: 'shadow', sinceMs, tally };
  const least = Math.min(rules.leastFrames, rules.frames);
  const minutes = Math.round(rules.withinMs / 6_000) / 10;
  const few = `only ${tally.compared} of ${least} frames could be compared within ${minutes} min`;
  const why = lostBy(tally, rules, tally.compared) ?? (tally.compared < least ? few : null);
  return why === null ? { kind: 'passed', tally } : { kind: 'failed', reason: why, tally };
}

function withFrame(
  tally: TrialTally,
  { serving, shadow, ms }: Extract<TrialEvent, { kind: 'frame' }>,
  latencyMs: number,
): TrialTally {
  const isCompared = serving !== null && shadow !== null;
  return {
    ...tally,
    shown: tally.shown + 1,
    compared: tally.compared + (isCompared ? 1 : 0),
    alike: tally.alike + (isCompared && serving === shadow ? 1 : 0),
    servingBlind: tally.servingBlind + (serving === null ? 1 : 0),
    shadowBlind: tally.shadowBlind + (shadow === null ? 1 : 0),
    late: tally.late + (ms > latencyMs ? 1 : 0),
  };
}

/** The trial after an event. What has passed or failed stays so. */
export function trialAfter(state: TrialState, event: TrialEvent, rules: TrialRules): TrialState {
  if (state.kind === 'passed' || state.kind === 'failed') return state;
  if (event.kind === 'end') return { kind: 'failed', reason: event.reason, tally: tallyOf(state) };
  if (state.kind === 'proving') {
    if (event.kind === 'proved') return { kind: 'shadow', sinceMs: event.nowMs, tally: NOTHING };
    if (event.nowMs - state.sinceMs < rules.provedWithinMs) return state;
    const minutes = Math.round(rules.provedWithinMs / 6_000) / 10;
    return {
      kind: 'failed',
      reason: `it took too long to load and prove: more than ${minutes} min`,
      tally: NOTHING,
    };
  }
  const { sinceMs, tally } = state;
  if (event.kind === 'frame')
    return settled(sinceMs, event.nowMs, withFrame(tally, event, rules.latencyMs), rules);
  if (event.kind === 'error') {
    const counted = { ...tally, shown: tally.shown + 1, errors: tally.errors + 1 };
    return settled(sinceMs, event.nowMs, counted, rules);
  }
  return settled(sinceMs, event.nowMs, tally, rules);
}

/** How far a trial is, 0 to 1. */
export function trialProgress(state: TrialState, rules: TrialRules): number {
  if (state.kind === 'passed') return 1;
  return Math.min(1, tallyOf(state).compared / rules.frames);
}
