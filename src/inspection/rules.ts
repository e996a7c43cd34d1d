/**
 * When detections become a finding, when it ends, and how often the surface hears of it.
 * Thresholds, base severity and advice are not here: they belong to the model and come from its manifest.
 *
 * The life of a finding, for each class on its own:
 * 1. `minimumDetections` frames at or above the threshold `on`, close enough together, open it.
 * 2. While open, one frame at or above the lower threshold `off` keeps it open, as long as it comes within
 *    `offDelayMs` of the last one.
 * 3. After that the finding lingers for `mergeGapMs`: still open and under the same id, but a return must pass the
 *    test of step 1 again. So noise cannot keep a finding open, and one defect that leaves the picture for a moment
 *    stays one finding and one alert.
 * 4. Then it closes, once and for good: a closed finding never opens again.
 *
 * Where the kilometre point (KP) is known, the place counts beside the time: a finding lingers for up to `nearMs` while
 * the vehicle stays within `mergeMetres` of where the defect was last seen, and a return farther away than that is
 * another defect, however soon it comes.
 */
export interface InspectionRules {
  /** Frames at or above `on` that open a finding. Count, 1..1000. */
  readonly minimumDetections: number;
  /**
   * The longest time from the first to the last of those frames, ms. Must hold `minimumDetections` frames at the
   * slowest frame rate in use, or nothing ever opens.
   */
  readonly openWindowMs: number;
  /**
   * Those frames as a share of all frames judged from the first to the last of them, 0..1. Keeps a few stray frames
   * among many sound ones from opening a finding when the frame rate is high.
   */
  readonly minimumShare: number;
  /** How long a defect may be unseen before one weak frame no longer keeps its finding open, ms. */
  readonly offDelayMs: number;
  /** How long after that a return still counts as the same defect, ms. 0: never. */
  readonly mergeGapMs: number;
  /** The same place along the route: KPs this near, metres. Must exceed the noise of the position. 0: KP counts for nothing. */
  readonly mergeMetres: number;
  /** How long a finding may linger, while the vehicle stays near it, in place of offDelayMs + mergeGapMs; ms. */
  readonly nearMs: number;
  /**
   * Blind time that does not count as unseen, ms in all since the last detection: a cloud of silt does not end a
   * finding. Blind time beyond this counts, so that a finding cannot stay open in the dark for ever.
   */
  readonly blindPauseMs: number;
  /** An interval between frames longer than this is lost time: no camera or no engine, ms. */
  readonly lostAfterMs: number;
  /** Rise of the peak probability, since the surface was last told, that is worth an update, 0..1. */
  readonly peakStep: number;
  /** Least time between updates of one finding for a risen peak, ms. A risen severity is told at once. */
  readonly updateEveryMs: number;
  /** Severity is one step higher at or above this peak probability, 0..1; null: never. */
  readonly raiseAtPeak: number | null;
  /** Severity is one step higher once the defect was in view this long, ms; null: never. */
  readonly raiseAfterMs: number | null;
  /** Movement along the route below this is taken for noise of the position and not added up, metres. */
  readonly distanceStepMetres: number;
}

/** Defaults for a vehicle at walking pace or slower and a camera at 2 frames a second or faster. */
export const DEFAULT_RULES: InspectionRules = {
  minimumDetections: 3,
  openWindowMs: 2_000,
  minimumShare: 0.6,
  offDelayMs: 1_500,
  mergeGapMs: 2_500,
  mergeMetres: 5,
  nearMs: 60_000,
  blindPauseMs: 5_000,
  lostAfterMs: 2_000,
  peakStep: 0.05,
  updateEveryMs: 5_000,
  raiseAtPeak: 0.98,
  raiseAfterMs: 10_000,
  distanceStepMetres: 5,
};

/** Everything wrong with the rules, one sentence each; empty when they can be used. */
export function ruleMistakes(rules: InspectionRules): string[] {
  const mistakes: string[] = [];
  const between = (name: keyof InspectionRules, low: number, high: number): void => {
    const value = rules[name];
    if (value === null || (value >= low && value <= high)) return;
    mistakes.push(`${name} is ${value}; it must be from ${low} to ${high}`);
  };
  const day = 86_400_000;
  if (!Number.isInteger(rules.minimumDetections)) mistakes.push('minimumDetections must be a whole number');
  between('minimumDetections', 1, 1_000);
  between('openWindowMs', 1, day);
  between('minimumShare', 0, 1);
  between('offDelayMs', 1, day);
  between('mergeGapMs', 0, day);
  between('mergeMetres', 0, 1_000);
  between('nearMs', 0, day);
  between('blindPauseMs', 0, day);
  between('lostAfterMs', 1, day);
  between('peakStep', 0.001, 1);
  between('updateEveryMs', 0, day);
  between('raiseAtPeak', 0, 1);
  between('raiseAfterMs', 0, day);
  between('distanceStepMetres', 0, 1_000);
  return mistakes;
}
