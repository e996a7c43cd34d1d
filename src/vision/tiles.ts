import type { Manifest } from '../domain/manifest.ts';
import type { Box, DefectClass, Probabilities } from '../domain/verdict.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import type { LumaPlane, Plane } from './luma.ts';

/** Into how many tiles a frame is cut. */
export interface TileGrid {
  readonly columns: number;
  readonly rows: number;
}

/** The manifest's tiles; null where a frame is one picture. */
export function tileGridOf({ tiles }: Pick<Manifest, 'tiles'>): TileGrid | null {
  const [columns, rows] = (tiles ?? '').split('x').map(Number);
  return columns > 0 && rows > 0 ? { columns, rows } : null;
}

/** Pictures that the bundle's network takes at once. */
export function pictureCount(manifest: Pick<Manifest, 'tiles'>): number {
  const { columns, rows } = tileGridOf(manifest) ?? { columns: 1, rows: 1 };
  return columns * rows;
}

/** Pixels of a frame of which the network sees every one: the input's, or those of all tiles together. */
export function wholeSize({ tiles, input }: Pick<Manifest, 'tiles' | 'input'>): {
  readonly width: number;
  readonly height: number;
} {
  const { columns, rows } = tileGridOf({ ...(tiles !== undefined && { tiles }) }) ?? { columns: 1, rows: 1 };
  return { width: columns * input.width, height: rows * input.height };
}

/** The place of a tile, counted row by row from the upper left. */
export function tileBox({ columns, rows }: TileGrid, index: number): Box {
  const [row, column] = [Math.floor(index / columns), index % columns];
  return { left: column / columns, top: row / rows, width: 1 / columns, height: 1 / rows };
}

/**
 * The part of a picture within `box`, read where it lies: no copy. Boxes of one size give parts of one size: sides are
 * rounded up, places so that the part stays inside.
 */
export function partOfPlane(plane: LumaPlane, box: Box): LumaPlane {
  const { chroma, ...luma } = plane;
  const part = cut(luma, box);
  return chroma ? { ...part, chroma: { cb: cut(chroma.cb, box), cr: cut(chroma.cr, box) } } : part;
}

function cut(plane: Plane, box: Box): Plane {
  // A third of 1 times 3 is a little more or less than 1: rounding up must not add a pixel for it.
  const size = (share: number, side: number): number =>
    Math.min(side, Math.max(1, Math.ceil(share * side - 1e-6)));
  const [width, height] = [size(box.width, plane.width), size(box.height, plane.height)];
  const left = Math.min(Math.round(box.left * plane.width), plane.width - width);
  const top = Math.min(Math.round(box.top * plane.height), plane.height - height);
  return { ...plane, width, height, offset: plane.offset + top * plane.stride + left * plane.step };
}

/** What is said of a frame from what is said of its tiles. */
export interface Joined {
  readonly probabilities: Probabilities;
  /** Index of the tile in which each defect is most probable. */
  readonly tileOf: Readonly<Partial<Record<DefectClass, number>>>;
}

/**
 * A defect is as probable in the frame as in the tile where it is most probable; the frame is as probably intact as the
 * tile that is least so. So the probabilities of a softmax network need not sum to 1 over a frame.
 */
export function joinTiles(tiles: readonly Probabilities[]): Joined {
  const probabilities: { -readonly [Name in keyof Probabilities]: Probabilities[Name] } = {};
  const tileOf: Partial<Record<DefectClass, number>> = {};
  tiles.forEach((said, index) => {
    for (const defect of DEFECT_CLASSES) {
      const probability = said[defect];
      if (probability === undefined || probability <= (probabilities[defect] ?? -1)) continue;
      probabilities[defect] = probability;
      tileOf[defect] = index;
    }
    if (said.intact !== undefined)
      probabilities.intact = Math.min(said.intact, probabilities.intact ?? said.intact);
  });
  return { probabilities, tileOf };
}
