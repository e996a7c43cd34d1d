/** When a search may take the engine for one step, so that no frame finds it busy. All times monotonic, ms. */
export interface SearchPace {
  frameCame(at: number): void;
  frameDone(at: number): void;
  stepDone(at: number, took: number): void;
  /** 0: one step may begin now; else ask again after so long. */
  waitMs(at: number): number;
}

/** Frames between which the shortest pause is taken for the one to come. */
const REMEMBERED = 8;
/** A step may take so much longer than the last ones. */
const SPARE = 1.3;
/** Where frames leave no gap, one step is taken all the same after this long: a search must end. */
const FORCED_MS = 400;
const LOOK_MS = 5;

/**
 * Steps go into the gaps between frames: the time of the next frame is foretold from those before. Where frames come
 * without a gap, a frame may wait for one step at most every 400 ms.
 */
export function createSearchPace(): SearchPace {
  let judging = 0;
  let cameAt: number | null = null;
  let steppedAt = Number.NEGATIVE_INFINITY;
  let stepMs = 0;
  const gaps: number[] = [];
  return {
    frameCame(at) {
      if (cameAt !== null) {
        gaps.push(at - cameAt);
        if (gaps.length > REMEMBERED) gaps.shift();
      }
      cameAt = at;
      judging += 1;
    },
    frameDone() {
      judging -= 1;
    },
    stepDone(at, took) {
      steppedAt = at;
      stepMs = stepMs === 0 ? took : Math.max(took, 0.7 * stepMs + 0.3 * took);
    },
    waitMs(at) {
      if (judging > 0) return LOOK_MS;
      if (cameAt === null || gaps.length === 0) return 0;
      const gap = Math.min(...gaps);
      const left = cameAt + gap - at;
      // Late by a whole gap: the camera pauses.
      if (left < -gap || left > SPARE * stepMs) return 0;
      const forcedIn = steppedAt + FORCED_MS - at;
      return forcedIn <= 0 ? 0 : Math.min(forcedIn, LOOK_MS);
    },
  };
}
