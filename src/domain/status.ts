/** The parts that report on `status/<part>`. */
export type Part = 'camera' | 'engine' | 'light' | 'record' | 'link' | 'position';

export type PartCondition = 'ok' | 'recovering' | 'failed' | 'absent';

/** What one part says of itself. */
export interface PartStatus {
  readonly part: Part;
  readonly condition: PartCondition;
  /** A sentence for people; null when `ok`. */
  readonly reason: string | null;
  /** UTC ms since when it has been so. */
  readonly sinceUtcMs: number;
}
