import type { Random } from '../random.ts';

export interface CrackPoint {
  readonly x: number;
  readonly y: number;
  /** Opening, px. */
  readonly width: number;
}

/** One line of a crack: the trunk or a branch. */
export interface CrackLine {
  readonly points: readonly CrackPoint[];
  /** Its mean opening, px. */
  readonly width: number;
}

interface Start {
  readonly x: number;
  readonly y: number;
  /** Radians. */
  readonly heading: number;
  /** px */
  readonly length: number;
  readonly width: number;
  readonly taperStart: boolean;
  readonly depth: number;
}

const MOST_LINES = 24;

/**
 * The course of a crack: a trunk through the picture or into it, jagged at several scales, with branches that leave it
 * at an angle and are thinner. Openings run from hairlines to gaps of a twentieth of the picture.
 */
export function drawCrackLines(
  { width, height }: { readonly width: number; readonly height: number },
  random: Random,
): CrackLine[] {
  const side = Math.min(width, height);
  const opening = side * 0.003 * 14 ** (random.next() ** 1.7);
  const through = random.next() < 0.8;
  const heading = random.between(0, 2 * Math.PI);
  const middleX = width * random.between(0.25, 0.75);
  const middleY = height * random.between(0.25, 0.75);
  const length = through ? 1.6 * Math.hypot(width, height) : side * random.between(0.35, 0.9);
  const back = through ? length / 2 : length * random.between(0.3, 0.7);
  const jag = new Jaggedness(side, random);
  const lines: CrackLine[] = [];
  const open: Start[] = [
    {
      x: middleX - back * Math.cos(heading),
      y: middleY - back * Math.sin(heading),
      heading,
      length,
      width: opening,
      taperStart: !through,
      depth: 0,
    },
  ];
  const extra = random.next() < 0.15 ? 1 + random.integer(2) : 0;
  for (let i = 0; i < extra; i++) {
    const turned = heading + random.between(0.4, 1.6) * (random.next() < 0.5 ? -1 : 1);
    open.push({
      x: middleX - (length / 2) * Math.cos(turned),
      y: middleY - (length / 2) * Math.sin(turned),
      heading: turned,
      length,
      width: opening * random.between(0.3, 0.9),
      taperStart: true,
      depth: 1,
    });
  }
  const branching = random.next() < 0.55 ? random.between(0.5, 3.5) / side : 0;
  for (let next = open.pop(); next && lines.length < MOST_LINES; next = open.pop()) {
    const points = walk(next, jag, side, random);
    lines.push({ points, width: next.width });
    if (next.depth >= 2 || branching === 0) continue;
    for (const { x, y } of points) {
      const inside = x > 0 && y > 0 && x < width && y < height;
      if (!inside || random.next() > branching * jag.step * (next.depth === 0 ? 1 : 0.5)) continue;
      open.push({
        x,
        y,
        heading: next.heading + random.between(0.45, 1.3) * (random.next() < 0.5 ? -1 : 1),
        length: side * random.between(0.08, 0.5),
        width: Math.max(0.5, next.width * random.between(0.25, 0.7)),
        taperStart: false,
        depth: next.depth + 1,
      });
    }
  }
  return lines;
}

/** How a picture's cracks wander: the same for trunk and branches. */
class Jaggedness {
  readonly step: number;
  /** How strongly the course drifts, and how strongly it zigzags, radians. */
  readonly drift: number;
  readonly zigzag: number;
  /** Mean length of one zig, px. */
  readonly reach: number;

  constructor(side: number, random: Random) {
    this.step = Math.max(1, side * 0.006);
    this.drift = random.between(0.03, 0.12);
    this.zigzag = random.between(0.15, 0.75);
    this.reach = side * random.between(0.012, 0.05);
  }
}

function walk(start: Start, jag: Jaggedness, side: number, random: Random): CrackPoint[] {
  const steps = Math.ceil(start.length / jag.step);
  const points: CrackPoint[] = [];
  let { x, y } = start;
  let course = start.heading;
  let zig = 0;
  let swell = 0;
  for (let i = 0; i <= steps; i++) {
    const toStart = start.taperStart ? (i * jag.step) / (0.15 * start.length) : 1;
    const toEnd = ((steps - i) * jag.step) / (0.3 * start.length);
    const taper = Math.min(1, toStart, toEnd) ** 0.7;
    points.push({ x, y, width: start.width * taper * Math.exp(0.45 * swell) });
    // The course comes back to its heading; the opening swells and narrows on the scale of a tenth of the picture.
    course += jag.drift * random.normal() + 0.04 * (start.heading - course);
    swell += 0.25 * random.normal() * Math.sqrt(jag.step / (0.02 * side)) - 0.06 * swell;
    if (random.next() < jag.step / jag.reach) zig = jag.zigzag * random.normal();
    const heading = course + zig + 0.15 * random.normal();
    x += jag.step * Math.cos(heading);
    y += jag.step * Math.sin(heading);
  }
  return points;
}
