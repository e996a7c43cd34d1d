import { type CrackSegment, crackLines } from './crack-lines.ts';
import type { NoiseAtlas } from './noise-atlas.ts';
import { paintCorrosion } from './paint-corrosion.ts';
import { paintCrack } from './paint-crack.ts';
import { paintAnode, paintWeld } from './paint-fittings.ts';
import { paintGrowth, paintScratch } from './paint-growth.ts';
import { paintSurface } from './paint-surface.ts';
import type { DefectPlan, RunPlan } from './run-plan.ts';
import { createTile, type Tile } from './tile.ts';

/** Rows painted at once; a multiple of the coarsest level's step. */
const BLOCK = 64;
export const LEVELS = 4;
/** 32-bit words of one texel; see {@link TextureLevel}. */
const TEXEL_WORDS = 2;
/** Steepest slope that is kept. */
export const MAX_SLOPE = 1.6;

/**
 * Memory that a renderer fills and the next one may take over: allocating it anew for every still costs more than
 * painting. Only one renderer may use it at a time.
 */
export class RenderMemory {
  private readonly held = new Map<string, ArrayBuffer>();

  /** At least `bytes` bytes, whatever they hold. */
  take(name: string, bytes: number): ArrayBuffer {
    const known = this.held.get(name);
    if (known && known.byteLength >= bytes) return known;
    const fresh = new ArrayBuffer(bytes);
    this.held.set(name, fresh);
    return fresh;
  }
}

/**
 * One level of detail: texels `[rows, cols, 2]` uint32, rows wrapping at a power of two. Bytes from the lowest: roots of
 * red, green and blue albedo (0..255 for 0..1) and slope along the pipe (+128); then slope around it (+128), gloss, root
 * of the sound surface's luma, 0.
 */
export interface TextureLevel {
  readonly texels: Uint32Array;
  readonly cols: number;
  readonly rowMask: number;
}

/**
 * The unrolled pipe, painted where it is needed: a ring of rows along the pipe, columns around the side that faces
 * the camera.
 */
export class PipeTexture {
  /** Side of a texel of level 0, metres. */
  readonly texel: number;
  /** Metres around the pipe of column 0. */
  readonly s0: number;
  readonly levels: readonly TextureLevel[];
  /** Defect slots `[rows, cols]` of level 0: corrosion in the low byte, crack in the high byte. */
  readonly marks: Uint16Array;
  /** Painted rows cover at most this many metres at once. */
  readonly reach: number;
  private readonly plan: RunPlan;
  private readonly noise: NoiseAtlas;
  private readonly lines = new Map<string, CrackSegment[]>();
  /** Where a block is painted, and its luma before defects. */
  private readonly tile: Tile;
  private readonly sound: Float32Array;
  /** Which block each part of the ring holds. */
  private readonly held: Int32Array;

  constructor(plan: RunPlan, noise: NoiseAtlas, texel: number, reach: number, memory: RenderMemory) {
    this.plan = plan;
    this.noise = noise;
    this.texel = texel;
    // What the camera can see of the pipe's girth, and some more for its sway.
    const halfTurn = plan.radius * (Math.acos(plan.radius / (plan.radius + 1.1 * plan.view.distance)) + 0.12);
    const cols = Math.ceil((2 * halfTurn) / texel / 8) * 8;
    this.s0 = -halfTurn;
    let rows = BLOCK;
    while (rows * texel < reach + 3 * BLOCK * texel) rows *= 2;
    this.reach = (rows - 3 * BLOCK) * texel;
    const levels: TextureLevel[] = [];
    for (let level = 0; level < LEVELS; level++)
      levels.push({
        texels: new Uint32Array(
          memory.take(`level ${level}`, 4 * TEXEL_WORDS * (rows >> level) * (cols >> level)),
        ),
        cols: cols >> level,
        rowMask: (rows >> level) - 1,
      });
    this.levels = levels;
    this.marks = new Uint16Array(memory.take('marks', 2 * rows * cols));
    this.tile = createTile(this.s0, texel, BLOCK + 2, cols);
    this.sound = new Float32Array(this.tile.red.length);
    this.held = new Int32Array(rows / BLOCK).fill(-2147483648);
    for (const defect of plan.defects)
      if (defect.defect === 'crack') this.lines.set(defect.id, crackLines(defect));
  }

  /** Sees to it that all rows from `zLow` to `zHigh` metres are painted; at most {@link reach} apart. */
  cover(zLow: number, zHigh: number): void {
    // Coarse levels blend with rows up to a coarse texel away.
    const margin = 2 << LEVELS;
    const first = Math.floor((zLow / this.texel - margin) / BLOCK);
    const last = Math.floor((zHigh / this.texel + margin) / BLOCK);
    for (let block = first; block <= last; block++) {
      const place = ((block % this.held.length) + this.held.length) % this.held.length;
      if (this.held[place] === block) continue;
      this.paint(block);
      this.held[place] = block;
    }
  }

  /** The defect of a mark found near `z` metres; null for none. */
  defectAt(slot: number, z: number): DefectPlan | null {
    let best: DefectPlan | null = null;
    for (let i = slot - 1; i >= 0 && i < this.plan.defects.length; i += 255) {
      const defect = this.plan.defects[i] as DefectPlan;
      if (!best || Math.abs(defect.z - z) < Math.abs(best.z - z)) best = defect;
    }
    return best;
  }

  private paint(block: number): void {
    const { plan } = this;
    const noise = this.noise;
    const level0 = this.levels[0] as TextureLevel;
    const firstRow = block * BLOCK;
    const tile = this.tile;
    const sound = this.sound;
    tile.z0 = (firstRow - 1) * this.texel;
    tile.corrosion.fill(0);
    tile.crack.fill(0);
    paintSurface(tile, plan, noise);
    for (const item of plan.distractors) {
      if (item.kind === 'weld') paintWeld(tile, plan, item, noise);
      else if (item.kind === 'anode') paintAnode(tile, plan, item, noise);
      else if (item.kind === 'scratch') paintScratch(tile, item);
      else paintGrowth(tile, item, noise);
    }
    for (let at = 0; at < sound.length; at++)
      sound[at] = 0.299 * tile.red[at] + 0.587 * tile.green[at] + 0.114 * tile.blue[at];
    const rim = plan.surface.scene === 'steel' ? 0.12 : plan.surface.scene === 'coated' ? 0.3 : 0.22;
    // Cracks last: a crack in rust goes through the rust.
    plan.defects.forEach((defect, index) => {
      if (defect.defect === 'corrosion') paintCorrosion(tile, plan, defect, (index % 255) + 1, noise);
    });
    plan.defects.forEach((defect, index) => {
      const lines = this.lines.get(defect.id);
      if (lines) paintCrack(tile, lines, (index % 255) + 1, noise, rim);
    });
    this.store(tile, sound, firstRow, level0);
    for (let level = 1; level < LEVELS; level++) this.reduce(level, firstRow >> level, BLOCK >> level);
  }

  private store(tile: Tile, sound: Float32Array, firstRow: number, level: TextureLevel): void {
    const { cols, red, green, blue, height } = tile;
    const { texels } = level;
    const perSlope = 127 / MAX_SLOPE;
    const perMetre = perSlope / (2 * this.texel);
    for (let row = 1; row <= BLOCK; row++) {
      const ringRow = (firstRow + row - 1) & level.rowMask;
      for (let col = 0; col < cols; col++) {
        const at = row * cols + col;
        const to = (ringRow * cols + col) * TEXEL_WORDS;
        const left = col === 0 ? at : at - 1;
        const right = col === cols - 1 ? at : at + 1;
        const along = slopeByte((height[at + cols] - height[at - cols]) * perMetre);
        const around = slopeByte((height[right] - height[left]) * perMetre);
        const gloss = tile.gloss[at];
        const glossByte = gloss <= 0 ? 0 : gloss >= 1 ? 255 : (gloss * 255) | 0;
        texels[to] =
          rootByte(red[at]) | (rootByte(green[at]) << 8) | (rootByte(blue[at]) << 16) | (along << 24);
        texels[to + 1] = around | (glossByte << 8) | (rootByte(sound[at]) << 16);
        this.marks[ringRow * cols + col] = tile.corrosion[at] | (tile.crack[at] << 8);
      }
    }
  }

  private reduce(level: number, firstRow: number, count: number): void {
    const from = this.levels[level - 1] as TextureLevel;
    const to = this.levels[level] as TextureLevel;
    const source = from.texels;
    const { texels } = to;
    for (let row = firstRow; row < firstRow + count; row++) {
      const upper = ((2 * row) & from.rowMask) * from.cols;
      const lower = ((2 * row + 1) & from.rowMask) * from.cols;
      const target = (row & to.rowMask) * to.cols;
      for (let col = 0; col < to.cols; col++) {
        const a = (upper + 2 * col) * TEXEL_WORDS;
        const c = (lower + 2 * col) * TEXEL_WORDS;
        const at = (target + col) * TEXEL_WORDS;
        for (let k = 0; k < TEXEL_WORDS; k++)
          texels[at + k] = mean(
            source[a + k],
            source[a + TEXEL_WORDS + k],
            source[c + k],
            source[c + TEXEL_WORDS + k],
          );
      }
    }
  }
}

/** Byte by byte mean of four words: odd and even bytes apart, so that sums have room. */
function mean(a: number, b: number, c: number, d: number): number {
  const even = ((a & 0xff00ff) + (b & 0xff00ff) + (c & 0xff00ff) + (d & 0xff00ff) + 0x20002) >> 2;
  const odd =
    (((a >>> 8) & 0xff00ff) +
      ((b >>> 8) & 0xff00ff) +
      ((c >>> 8) & 0xff00ff) +
      ((d >>> 8) & 0xff00ff) +
      0x20002) >>
    2;
  return (even & 0xff00ff) | ((odd & 0xff00ff) << 8);
}

function rootByte(albedo: number): number {
  return albedo <= 0 ? 0 : albedo >= 1 ? 255 : (Math.sqrt(albedo) * 255 + 0.5) | 0;
}

function slopeByte(scaled: number): number {
  return scaled <= -127 ? 1 : scaled >= 127 ? 255 : (scaled + 128.5) | 0;
}
