/** One picture: how strongly it was said to be of a class, and whether it is. */
export interface Scored {
  readonly score: number;
  readonly positive: boolean;
}

export interface CurvePoint {
  /** At or above this score. */
  readonly threshold: number;
  /** ROC: share of the negatives raised. Precision-recall: share of the positives found. */
  readonly x: number;
  /** ROC: share of the positives found. Precision-recall: share of the raised that are positive. */
  readonly y: number;
}

export interface Curve {
  /** In the order of falling thresholds; scores that are equal make one point. */
  readonly points: readonly CurvePoint[];
  /** Under the curve, 0..1. ROC: trapezes. Precision-recall: average precision, without interpolation. */
  readonly area: number;
}

/** Receiver operating characteristic; null where there are no positives or no negatives. */
export function rocCurve(scored: readonly Scored[]): Curve | null {
  const positives = scored.filter(({ positive }) => positive).length;
  const negatives = scored.length - positives;
  if (positives === 0 || negatives === 0) return null;
  const points: CurvePoint[] = [{ threshold: Number.POSITIVE_INFINITY, x: 0, y: 0 }];
  let area = 0;
  for (const { threshold, found, raised } of steps(scored)) {
    const last = points[points.length - 1];
    const point = { threshold, x: (raised - found) / negatives, y: found / positives };
    area += ((point.x - last.x) * (point.y + last.y)) / 2;
    points.push(point);
  }
  return { points, area };
}

/** Precision over recall; null where there are no positives. */
export function precisionCurve(scored: readonly Scored[]): Curve | null {
  const positives = scored.filter(({ positive }) => positive).length;
  if (positives === 0) return null;
  const points: CurvePoint[] = [];
  let area = 0;
  let before = 0;
  for (const { threshold, found, raised } of steps(scored)) {
    const point = { threshold, x: found / positives, y: found / raised };
    area += (point.x - before) * point.y;
    before = point.x;
    points.push(point);
  }
  return { points, area };
}

/** The lowest threshold at which at most `rate` of the negatives are raised, and the recall there. */
export function thresholdAtRate(curve: Curve, rate: number): CurvePoint {
  return curve.points.findLast(({ x }) => x <= rate) ?? curve.points[0];
}

/** How many are raised at each score, and how many of these rightly. */
function steps(scored: readonly Scored[]): { threshold: number; found: number; raised: number }[] {
  const sorted = [...scored].sort((a, b) => b.score - a.score);
  const result: { threshold: number; found: number; raised: number }[] = [];
  let found = 0;
  sorted.forEach(({ score, positive }, index) => {
    if (positive) found++;
    if (index + 1 < sorted.length && sorted[index + 1].score === score) return;
    result.push({ threshold: score, found, raised: index + 1 });
  });
  return result;
}
