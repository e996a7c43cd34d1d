import { createHash } from 'node:crypto';
import { createRandom } from './random.ts';
import type { Sample } from './samples.ts';

/** The one distribution of brightness and contrast, grey levels. */
const MEANS = { from: 85, to: 165 } as const;
const DEVIATIONS = { from: 18, to: 48 } as const;

/**
 * The samples with brightness and contrast drawn anew from one distribution for all classes, so that neither gives a
 * class away. What is drawn for a sample depends on its name and the seed alone.
 */
export function equalised(samples: readonly Sample[], seed: number): Sample[] {
  return samples.map((sample) => equalisedSample(sample, seed));
}

function equalisedSample(sample: Sample, seed: number): Sample {
  const digest = createHash('sha256').update(`${seed} ${sample.name}`).digest();
  const random = createRandom(digest.readInt32LE(0));
  const { luma, chroma } = sample;
  let [sum, squares] = [0, 0];
  for (const value of luma) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / luma.length;
  const deviation = Math.sqrt(Math.max(0, squares / luma.length - mean * mean));
  const wanted = random.between(MEANS.from, MEANS.to);
  const gain = random.between(DEVIATIONS.from, DEVIATIONS.to) / Math.max(1, deviation);
  const curve = tableOf((grey) => (grey - mean) * gain + wanted);
  if (!chroma) return { ...sample, luma: luma.map((grey) => curve[grey]) };
  const colours = tableOf((value) => (value - 128) * gain + 128);
  return { ...sample, luma: luma.map((grey) => curve[grey]), chroma: chroma.map((value) => colours[value]) };
}

function tableOf(change: (value: number) => number): Uint8Array {
  const table = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value++) table[value] = change(value);
  return new Uint8Array(table.buffer);
}
