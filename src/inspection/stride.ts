/** What the board says of itself, and whether vision keeps up. */
export interface Strain {
  /** How far the hottest zone is below the temperature at which its kernel slows it, °C; null where that is not told. */
  readonly headroomCelsius: number | null;
  /** The clock that the processor may have now as a share of its highest (power mode, throttling), 0..1; null: not told. */
  readonly clockShare: number | null;
  /** Share of the camera's frames that a newer one overtook before vision could take them, 0..1. */
  readonly overtakenShare: number;
  /** Frames a second that the camera gives; 0 while it gives none. */
  readonly cameraFps: number;
}

export interface StrideRules {
  /** Below this headroom the board is too hot, °C. */
  readonly hotBelowCelsius: number;
  /** Above this it has cooled down; the distance keeps the stride from swinging, °C. */
  readonly coolAboveCelsius: number;
  /** A clock below this share is a slowed board … */
  readonly slowedBelowShare: number;
  /** … which matters where more than this share is overtaken: frames are lost then anyhow, and unevenly. */
  readonly overtakenAboveShare: number;
  /** So long it must be strained before frames are left out, and again before more are, ms. */
  readonly widenAfterMs: number;
  /** So long it must be well before fewer are left out, ms: heat comes quickly and goes slowly. */
  readonly narrowAfterMs: number;
  /** So many frames a second are judged in any case, as long as the camera gives them. */
  readonly leastFps: number;
  /** The widest stride. */
  readonly most: number;
}

export const STRIDE_RULES: StrideRules = {
  hotBelowCelsius: 0,
  coolAboveCelsius: 5,
  slowedBelowShare: 0.95,
  overtakenAboveShare: 0.05,
  widenAfterMs: 10_000,
  narrowAfterMs: 60_000,
  leastFps: 5,
  most: 8,
};

export type Why = 'hot' | 'slowed';

/** Every `stride`-th frame is judged; 1 is every one. */
export interface Stride {
  readonly stride: number;
  /** Why frames are left out; null at stride 1. */
  readonly why: Why | null;
  /** Since when the board has been strained, or well, without a break; monotonic ms. */
  readonly sinceMs: number;
  readonly strained: boolean;
}

export function everyFrame(monoMs: number): Stride {
  return { stride: 1, why: null, sinceMs: monoMs, strained: false };
}

/**
 * The stride from now on. It doubles while the board stays strained and halves when it has been well for long; it never
 * leaves less than `leastFps`. A board that tells nothing is never strained.
 */
export function nextStride(before: Stride, strain: Strain, monoMs: number, rules: StrideRules): Stride {
  const most = widest(strain.cameraFps, rules);
  const why = strainOf(strain, rules);
  const strained = why !== null;
  const sinceMs = strained === before.strained ? before.sinceMs : monoMs;
  const lasted = monoMs - sinceMs;
  const kept = Math.min(before.stride, most);
  if (strained && lasted >= rules.widenAfterMs) {
    const stride = Math.min(most, before.stride * 2);
    return { stride, why: stride > 1 ? why : null, sinceMs: monoMs, strained };
  }
  if (!strained && lasted >= rules.narrowAfterMs && isOver(before.why, strain, rules)) {
    const stride = Math.min(most, Math.max(1, Math.floor(before.stride / 2)));
    return { stride, why: stride > 1 ? before.why : null, sinceMs: monoMs, strained };
  }
  return { stride: kept, why: kept > 1 ? (why ?? before.why) : null, sinceMs, strained };
}

function widest(cameraFps: number, { leastFps, most }: StrideRules): number {
  return Math.max(1, Math.min(most, Math.floor(cameraFps / leastFps)));
}

function strainOf({ headroomCelsius, clockShare, overtakenShare }: Strain, rules: StrideRules): Why | null {
  if (headroomCelsius !== null && headroomCelsius < rules.hotBelowCelsius) return 'hot';
  return isSlowed(clockShare, rules) && overtakenShare > rules.overtakenAboveShare ? 'slowed' : null;
}

function isSlowed(clockShare: number | null, { slowedBelowShare }: StrideRules): boolean {
  return clockShare !== null && clockShare < slowedBelowShare;
}

/** What widened the stride is over: at a stride that is wide enough a slowed board keeps up, and is still slowed. */
function isOver(why: Why | null, { headroomCelsius, clockShare }: Strain, rules: StrideRules): boolean {
  if (why === 'slowed') return !isSlowed(clockShare, rules);
  return headroomCelsius === null || headroomCelsius >= rules.coolAboveCelsius;
}
