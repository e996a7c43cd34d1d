import { MIN_AREA_SHARE, MIN_CONTRAST, type VisibleDefect } from './frame-truth.ts';
import type { PipeTexture } from './pipe-texture.ts';

/** Crack slots follow the 256 corrosion slots. */
const CRACK_SLOTS = 256;
const SLOTS = 512;

/** Gathers, pixel by pixel, where in a frame each defect is and how well it stands out. */
export class DefectTally {
  private readonly count = new Int32Array(SLOTS);
  private readonly left = new Int32Array(SLOTS).fill(2147483647);
  private readonly right = new Int32Array(SLOTS).fill(-1);
  private readonly top = new Int32Array(SLOTS).fill(2147483647);
  private readonly bottom = new Int32Array(SLOTS).fill(-1);
  private readonly contrast = new Float64Array(SLOTS);
  private readonly z = new Float64Array(SLOTS);

  /**
   * @param mark corrosion slot in the low byte, crack slot in the high byte
   * @param contrast luma difference to the sound surface, 0..255
   * @param z metres along the pipe
   */
  add(mark: number, x: number, y: number, contrast: number, z: number): void {
    const corrosion = mark & 255;
    const crack = mark >> 8;
    if (corrosion) this.addTo(corrosion, x, y, contrast, z);
    if (crack) this.addTo(CRACK_SLOTS + crack, x, y, contrast, z);
  }

  private addTo(slot: number, x: number, y: number, contrast: number, z: number): void {
    this.count[slot]++;
    if (x < this.left[slot]) this.left[slot] = x;
    if (x > this.right[slot]) this.right[slot] = x;
    if (y < this.top[slot]) this.top[slot] = y;
    if (y > this.bottom[slot]) this.bottom[slot] = y;
    this.contrast[slot] += contrast;
    this.z[slot] += z;
  }

  /** What can be seen, and the ids of what is there but cannot. */
  result(texture: PipeTexture, pixels: number): { visible: VisibleDefect[]; faint: string[] } {
    const visible: VisibleDefect[] = [];
    const faint: string[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      const count = this.count[slot];
      if (count === 0) continue;
      const found = texture.defectAt(slot & 255, this.z[slot] / count);
      if (!found) continue;
      const areaShare = count / pixels;
      const contrast = this.contrast[slot] / count / 255;
      if (areaShare < MIN_AREA_SHARE || contrast < MIN_CONTRAST) {
        faint.push(found.id);
        continue;
      }
      const x = this.left[slot];
      const y = this.top[slot];
      visible.push({
        id: found.id,
        defect: found.defect,
        box: [x, y, this.right[slot] - x + 1, this.bottom[slot] - y + 1],
        areaShare: round(areaShare, 6),
        contrast: round(contrast, 4),
      });
    }
    return { visible, faint };
  }
}

function round(value: number, digits: number): number {
  const unit = 10 ** digits;
  return Math.round(value * unit) / unit;
}
