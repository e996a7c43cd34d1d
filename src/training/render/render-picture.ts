import { DEFECT_CLASSES, type DefectClass } from '../../domain/verdict.ts';
import type { Random } from '../random.ts';
import type { DefectBox, Sample } from '../samples.ts';
import { blurred, type Canvas, type Field, lumaField } from './canvas.ts';
import { renderCrack } from './crack.ts';
import { renderDistractors } from './distractors.ts';
import { drawLight, lightUnevenly } from './light.ts';
import { renderRust } from './rust.ts';

/** A finished picture with where its defects are; null in place of it where a defect can hardly be seen. */
export type RenderedPicture = Pick<Sample, 'luma'> & {
  readonly chroma: Uint8Array<ArrayBuffer>;
  readonly boxes: readonly DefectBox[];
};

/** What share of a defect a pixel must have to count as its, and how many pixels it needs at least, of all. */
const PART_OF_DEFECT: Readonly<Record<DefectClass, number>> = { crack: 0.35, corrosion: 0.5 };
const LEAST_AREA: Readonly<Record<DefectClass, number>> = { crack: 0.0025, corrosion: 0.04 };
/** Mean change of its pixels' luma against the ground, grey levels; of a crack also against the ground's own grain. */
const LEAST_CHANGE: Readonly<Record<DefectClass, number>> = { crack: 13, corrosion: 9 };
const LEAST_OVER_GRAIN = 1.8;
/** A crack reaches over at least this share of the picture's side. */
const LEAST_REACH = 0.25;
/** How far a camera would change the contrast. */
const LEAST_GAIN = 0.45;
const MOST_GAIN = 1.9;

/**
 * Draws the defects, or something harmless, onto the ground, under one light. Every picture's brightness and contrast
 * come from the same distribution whatever it shows: they give nothing away.
 * @param ground is changed
 */
export function renderPicture(
  ground: Canvas,
  defects: ReadonlySet<DefectClass>,
  random: Random,
): RenderedPicture | null {
  const light = drawLight(random);
  level(ground, random.between(75, 185), random.between(10, 40));
  if (random.next() < (defects.size === 0 ? 0.55 : 0.25)) renderDistractors(ground, light, random);
  const boxes: DefectBox[] = [];
  for (const defect of DEFECT_CLASSES) {
    if (!defects.has(defect)) continue;
    const before = copyOf(ground);
    const field = defect === 'crack' ? renderCrack(ground, light, random) : renderRust(ground, light, random);
    const box = boxAround(field, ground, defect);
    if (!canBeSeen(before, ground, field, box)) return null;
    boxes.push(box);
  }
  lightUnevenly(ground, light, random);
  level(ground, random.between(60, 195), random.between(12, 52));
  return { ...planesOf(ground), boxes };
}

/** Brings the luma to a mean, and as near to a deviation as a camera would. */
function level(canvas: Canvas, mean: number, deviation: number): void {
  const luma = lumaField(canvas);
  let [sum, squares] = [0, 0];
  for (let i = 0; i < luma.length; i++) {
    sum += luma[i];
    squares += luma[i] * luma[i];
  }
  const now = sum / luma.length;
  const spread = Math.sqrt(Math.max(1, squares / luma.length - now * now));
  const gain = Math.max(LEAST_GAIN, Math.min(MOST_GAIN, deviation / spread));
  // Colour is not stretched beyond what it was: cameras do not either.
  const colour = Math.min(1, gain);
  for (const plane of [canvas.red, canvas.green, canvas.blue])
    for (let i = 0; i < plane.length; i++)
      plane[i] = Math.max(0, Math.min(255, (luma[i] - now) * gain + mean + (plane[i] - luma[i]) * colour));
}

function copyOf(canvas: Canvas): Canvas {
  const { red, green, blue } = canvas;
  return { ...canvas, red: red.slice(), green: green.slice(), blue: blue.slice() };
}

/** Whether a person who looks at the picture would find the defect: a label that nobody can see teaches noise. */
function canBeSeen(before: Canvas, after: Canvas, field: Field, box: DefectBox): boolean {
  const { defect } = box;
  const [was, is] = [lumaField(before), lumaField(after)];
  const coarse = blurred(was, before.width, before.height, 2.5);
  let [count, change, grain] = [0, 0, 0];
  for (let i = 0; i < field.length; i++) {
    grain += (was[i] - coarse[i]) ** 2;
    if (field[i] < PART_OF_DEFECT[defect]) continue;
    count++;
    // A crack is darker than its ground; rust may be either.
    change += defect === 'crack' ? was[i] - is[i] : Math.abs(was[i] - is[i]);
  }
  if (count < LEAST_AREA[defect] * field.length) return false;
  if (defect === 'corrosion') return change / count >= LEAST_CHANGE.corrosion;
  const least = Math.max(LEAST_CHANGE.crack, LEAST_OVER_GRAIN * Math.sqrt(grain / field.length));
  return change / count >= least && Math.max(box.width, box.height) >= LEAST_REACH;
}

function boxAround(field: Field, { width, height }: Canvas, defect: DefectClass): DefectBox {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let i = 0; i < field.length; i++) {
    if (field[i] < PART_OF_DEFECT[defect]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  return {
    defect,
    left: left / width,
    top: top / height,
    width: (right - left) / width,
    height: (bottom - top) / height,
  };
}

function planesOf({ red, green, blue }: Canvas): Pick<RenderedPicture, 'luma' | 'chroma'> {
  const pixels = red.length;
  const luma = new Uint8ClampedArray(pixels);
  const chroma = new Uint8ClampedArray(2 * pixels);
  for (let i = 0; i < pixels; i++) {
    luma[i] = 0.299 * red[i] + 0.587 * green[i] + 0.114 * blue[i];
    chroma[i] = 128 - 0.168736 * red[i] - 0.331264 * green[i] + 0.5 * blue[i];
    chroma[pixels + i] = 128 + 0.5 * red[i] - 0.418688 * green[i] - 0.081312 * blue[i];
  }
  return { luma: new Uint8Array(luma.buffer), chroma: new Uint8Array(chroma.buffer) };
}
