/**
 * A piece of the unrolled pipe while it is painted: rows along the pipe, columns around it, planes `[rows, cols]`.
 * Row 0 and the last row are margin, so that slopes can be taken.
 */
export interface Tile {
  /** Metres along the pipe of row 0's centre; set anew for each piece. */
  z0: number;
  /** Metres around the pipe of column 0's centre. */
  readonly s0: number;
  /** Side of a texel, metres. */
  readonly texel: number;
  readonly rows: number;
  readonly cols: number;
  /** Linear albedo 0..1. */
  readonly red: Float32Array;
  readonly green: Float32Array;
  readonly blue: Float32Array;
  /** Above the mean surface, metres. */
  readonly height: Float32Array;
  /** Share of mirror-like light, 0..1. */
  readonly gloss: Float32Array;
  /** Slot of the defect that covers the texel, 0 = none. */
  readonly corrosion: Uint8Array;
  readonly crack: Uint8Array;
}

export function createTile(s0: number, texel: number, rows: number, cols: number): Tile {
  const plane = (): Float32Array => new Float32Array(rows * cols);
  return {
    z0: 0,
    s0,
    texel,
    rows,
    cols,
    red: plane(),
    green: plane(),
    blue: plane(),
    height: plane(),
    gloss: plane(),
    corrosion: new Uint8Array(rows * cols),
    crack: new Uint8Array(rows * cols),
  };
}

/** Rows and columns of a tile that a rectangle in metres touches; null when it misses. */
export function clip(
  tile: Tile,
  zLow: number,
  zHigh: number,
  sLow: number,
  sHigh: number,
): { row0: number; row1: number; col0: number; col1: number } | null {
  const row0 = Math.max(0, Math.floor((zLow - tile.z0) / tile.texel));
  const row1 = Math.min(tile.rows, Math.ceil((zHigh - tile.z0) / tile.texel) + 1);
  const col0 = Math.max(0, Math.floor((sLow - tile.s0) / tile.texel));
  const col1 = Math.min(tile.cols, Math.ceil((sHigh - tile.s0) / tile.texel) + 1);
  return row0 < row1 && col0 < col1 ? { row0, row1, col0, col1 } : null;
}

/** Moves a texel's albedo towards a colour by `share` 0..1. */
export function blend(tile: Tile, at: number, share: number, red: number, green: number, blue: number): void {
  tile.red[at] += (red - tile.red[at]) * share;
  tile.green[at] += (green - tile.green[at]) * share;
  tile.blue[at] += (blue - tile.blue[at]) * share;
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function ramp(low: number, high: number, value: number): number {
  const t = (value - low) / (high - low);
  if (t <= 0) return 0;
  if (t >= 1) return 1;
  return t * t * (3 - 2 * t);
}
