import type { Reliability } from './calibration.ts';
import type { Curve } from './curves.ts';

/** One line of a plot. */
export interface PlotLine {
  readonly name: string;
  readonly curve: Curve;
  /** A CSS colour. */
  readonly colour: string;
  readonly dashed: boolean;
}

const SIDE = 260;
const MARGIN = 38;
/** Points drawn of one line: more cannot be told apart. */
const MOST_POINTS = 240;

/** Lines over 0..1 by 0..1 as an SVG picture with axes, and the area under each line. */
export function curvePlot(title: string, axes: { x: string; y: string }, lines: readonly PlotLine[]): string {
  const drawn = lines.map(({ curve, colour, dashed }) => {
    const points = thinned(curve.points).map(({ x, y }) => `${across(x)},${up(y)}`);
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.6"${dashed ? ' stroke-dasharray="4 3"' : ''} points="${points.join(' ')}"/>`;
  });
  const words = lines.map(
    ({ name, curve, colour }, index) =>
      `<text x="${MARGIN + SIDE - 6}" y="${MARGIN + SIDE - 8 - 13 * (lines.length - 1 - index)}" text-anchor="end" fill="${colour}">${escapeHtml(name)} ${curve.area.toFixed(3)}</text>`,
  );
  return frame(title, axes, [...drawn, ...words].join(''));
}

/** How often the model was right over how sure it was: bars, the diagonal, and the count of pictures behind. */
export function reliabilityPlot(title: string, { bins, error }: Reliability): string {
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const width = SIDE / bins.length;
  const bars = bins.map(({ from, count, right, confidence }) => {
    const height = (count / most) * SIDE;
    const behind = `<rect x="${across(from)}" y="${MARGIN + SIDE - height}" width="${width - 1}" height="${height}" fill="#e4e7ea"/>`;
    if (right === null || confidence === null) return behind;
    return `${behind}<rect x="${across(from)}" y="${up(right)}" width="${width - 1}" height="${right * SIDE}" fill="#1f6feb" fill-opacity="0.45"><title>${count} pictures, said ${confidence.toFixed(2)}, right ${right.toFixed(2)}</title></rect>`;
  });
  const diagonal = `<line x1="${across(0)}" y1="${up(0)}" x2="${across(1)}" y2="${up(1)}" stroke="#888" stroke-dasharray="4 3"/>`;
  const words = `<text x="${MARGIN + 8}" y="${MARGIN + 16}">calibration error ${error.toFixed(3)}</text>`;
  return frame(title, { x: 'confidence', y: 'right' }, bars.join('') + diagonal + words);
}

/** The text with HTML's own characters written out. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

function across(share: number): number {
  return Number((MARGIN + share * SIDE).toFixed(1));
}

function up(share: number): number {
  return Number((MARGIN + (1 - share) * SIDE).toFixed(1));
}

function frame(title: string, axes: { x: string; y: string }, content: string): string {
  const whole = SIDE + 2 * MARGIN;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="${across(share)}" y1="${up(0)}" x2="${across(share)}" y2="${up(1)}" stroke="#eee"/><line x1="${across(0)}" y1="${up(share)}" x2="${across(1)}" y2="${up(share)}" stroke="#eee"/>` +
      `<text x="${across(share)}" y="${up(0) + 14}" text-anchor="middle">${share}</text><text x="${across(0) - 5}" y="${up(share) + 4}" text-anchor="end">${share}</text>`,
  );
  return (
    `<svg viewBox="0 0 ${whole} ${whole}" width="${whole}" height="${whole}" role="img" aria-label="${escapeHtml(title)}">` +
    `${ticks.join('')}<rect x="${MARGIN}" y="${MARGIN}" width="${SIDE}" height="${SIDE}" fill="none" stroke="#888"/>${content}` +
    `<text x="${whole / 2}" y="18" text-anchor="middle" font-weight="600">${escapeHtml(title)}</text>` +
    `<text x="${whole / 2}" y="${whole - 6}" text-anchor="middle">${escapeHtml(axes.x)}</text>` +
    `<text transform="translate(11 ${whole / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(axes.y)}</text></svg>`
  );
}

function thinned<T>(points: readonly T[]): T[] {
  const step = Math.max(1, Math.ceil(points.length / MOST_POINTS));
  return points.filter((_, index) => index % step === 0 || index === points.length - 1);
}
