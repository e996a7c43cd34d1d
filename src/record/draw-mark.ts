import type { HeatMap } from '../domain/finding.ts';
import type { Box } from '../domain/verdict.ts';

/** The tint where the map is highest: what is below must stay plain to see. */
const MOST_OPAQUE = 0.3;
/** Cells below this share of the highest are not tinted. */
const LEAST_SHOWN = 0.5;

/**
 * Box and map as an SVG picture of the size of the photo, px.
 * @param colour of the tint and of the outline, which has a dark edge so that it shows on any ground
 */
export function drawMark(
  { width, height }: { readonly width: number; readonly height: number },
  { box, map }: { readonly box: Box | null; readonly map: HeatMap | null },
  colour: string,
): string {
  const rect = (at: Box, inset: number, style: string): string => {
    const [left, top] = [at.left * width + inset, at.top * height + inset];
    const [wide, high] = [at.width * width - 2 * inset, at.height * height - 2 * inset];
    return `<rect x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${Math.max(1, wide).toFixed(1)}" height="${Math.max(1, high).toFixed(1)}" ${style}/>`;
  };
  const line = Math.max(2, Math.round(Math.max(width, height) / 320));
  const cells = map ? cellsOf(map) : [];
  const tints = cells.map(({ at, value }) =>
    value < LEAST_SHOWN
      ? ''
      : rect(at, 0, `fill="${colour}" fill-opacity="${(MOST_OPAQUE * value).toFixed(3)}"`),
  );
  const outline = box
    ? rect(box, line / 2, `fill="none" stroke="#000000" stroke-opacity="0.6" stroke-width="${line * 2}"`) +
      rect(box, line / 2, `fill="none" stroke="${colour}" stroke-width="${line}"`)
    : '';
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${tints.join('')}${outline}</svg>`;
}

function cellsOf({ area, columns, rows, values }: HeatMap): { readonly at: Box; readonly value: number }[] {
  const [width, height] = [area.width / columns, area.height / rows];
  return values.map((value, index) => ({
    at: {
      left: area.left + (index % columns) * width,
      top: area.top + Math.floor(index / columns) * height,
      width,
      height,
    },
    value,
  }));
}
