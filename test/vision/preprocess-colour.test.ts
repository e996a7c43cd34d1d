import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { Preprocessing } from '../../src/domain/manifest.ts';
import { createEqualiser } from '../../src/vision/clahe.ts';
import { createLumaDecoder, DEFAULT_DECODE_LIMITS } from '../../src/vision/decode.ts';
import { pictureOfStill } from '../../src/vision/golden.ts';
import type { Picture } from '../../src/vision/picture.ts';
import { createPreprocessor } from '../../src/vision/preprocess.ts';
import { drawLuma } from '../fixtures/pictures.ts';

const colour: Preprocessing = {
  channels: 'luma-chroma',
  resize: 'bilinear',
  normalisation: 'none',
  scale: 1 / 255,
};
const standard: Preprocessing = { ...colour, normalisation: 'standard' };
const [width, height] = [61, 47];
const input = { width: 32, height: 32 };
const count = input.width * input.height;

/** Rust at the left, sea at the right, smooth between; a cast is added to all of it. */
function rgbPicture(cast: readonly [number, number, number] = [0, 0, 0]): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const share = x / (width - 1);
      const shade = 1 - (0.3 * y) / height;
      rgb[at] = (150 - 100 * share) * shade + cast[0];
      rgb[at + 1] = (80 + 50 * share) * shade + cast[1];
      rgb[at + 2] = (40 + 130 * share) * shade + cast[2];
    }
  }
  return rgb;
}

/** The picture as a camera frame, its colours by the formulas of BT.601. */
function frameOf(
  rgb: Uint8Array,
  format: 'yuyv' | 'uyvy' | 'nv12' | 'yu12',
  range: 'full' | 'limited',
): Picture {
  const columns = Math.ceil(width / 2);
  const rows = format === 'nv12' || format === 'yu12' ? Math.ceil(height / 2) : height;
  const value = (x: number, y: number, weights: readonly number[], offset: number): number => {
    const at = 3 * (Math.min(y, height - 1) * width + Math.min(x, width - 1));
    return weights[0] * rgb[at] + weights[1] * rgb[at + 1] + weights[2] * rgb[at + 2] + offset;
  };
  const luma = (x: number, y: number): number => {
    const full = value(x, y, [0.299, 0.587, 0.114], 0);
    return Math.round(range === 'full' ? full : 16 + (full * 219) / 255);
  };
  const chroma = (x: number, y: number, weights: readonly number[]): number => {
    const down = rows === height ? [y] : [2 * y, 2 * y + 1];
    const parts = down.flatMap((row) => [value(2 * x, row, weights, 0), value(2 * x + 1, row, weights, 0)]);
    const mean = parts.reduce((sum, part) => sum + part, 0) / parts.length;
    return Math.round(128 + (range === 'full' ? mean : (mean * 224) / 255));
  };
  const cb = (x: number, y: number): number => chroma(x, y, [-0.168736, -0.331264, 0.5]);
  const cr = (x: number, y: number): number => chroma(x, y, [0.5, -0.418688, -0.081312]);
  const bytes: number[] = [];
  const packed = format === 'yuyv' || format === 'uyvy';
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < (packed ? columns : width); x++) {
      if (format === 'yuyv') bytes.push(luma(2 * x, y), cb(x, y), luma(2 * x + 1, y), cr(x, y));
      else if (format === 'uyvy') bytes.push(cb(x, y), luma(2 * x, y), cr(x, y), luma(2 * x + 1, y));
      else bytes.push(luma(x, y));
    }
    if (!packed && width % 2 === 1) bytes.push(0);
  }
  const places = Array.from(
    { length: rows * columns },
    (_, i) => [i % columns, Math.floor(i / columns)] as const,
  );
  if (format === 'nv12') for (const [x, y] of places) bytes.push(cb(x, y), cr(x, y));
  if (format === 'yu12') bytes.push(...places.map(([x, y]) => cb(x, y)), ...places.map(([x, y]) => cr(x, y)));
  const stride = packed ? 4 * columns : 2 * columns;
  return { format, range, width, height, stride, data: Uint8Array.from(bytes) };
}

async function planesOf(picture: Picture, preprocessing = colour): Promise<Float32Array> {
  const plane = await createLumaDecoder(DEFAULT_DECODE_LIMITS, 'luma-chroma').decode(picture);
  return Float32Array.from(createPreprocessor(preprocessing, input).runPlane(plane).tensor);
}

const stillOf = async (rgb: Uint8Array, kind: 'png' | 'jpeg'): Promise<Picture> => {
  const picture = sharp(rgb, { raw: { width, height, channels: 3 } });
  const bytes = kind === 'png' ? picture.png() : picture.jpeg({ quality: 98, chromaSubsampling: '4:4:4' });
  return pictureOfStill(Uint8Array.from(await bytes.toBuffer()));
};

test('the same coloured picture gives the same luma, Cb and Cr as still and from every camera format', async () => {
  const rgb = rgbPicture();
  const png = await planesOf(await stillOf(rgb, 'png'));
  expect(png).toHaveLength(3 * count);
  const others = [
    await planesOf(await stillOf(rgb, 'jpeg')),
    ...(await Promise.all(
      (['yuyv', 'uyvy', 'nv12', 'yu12'] as const).flatMap((format) =>
        (['full', 'limited'] as const).map((range) => planesOf(frameOf(rgb, format, range))),
      ),
    )),
  ];
  for (const planes of others) {
    const differences = planes.map((value, i) => Math.abs(value - png[i]));
    expect(Math.max(...differences)).toBeLessThan(0.02);
  }
  // Red side: Cr above none, Cb below; blue side the other way round.
  const row = 16 * input.width;
  expect(png[count + row + 2]).toBeLessThan(-0.05);
  expect(png[2 * count + row + 2]).toBeGreaterThan(0.1);
  expect(png[count + row + 29]).toBeGreaterThan(0.05);
});

test('a grey picture has no colour, whichever way it comes', async () => {
  const image = drawLuma('rust', { width: 40, height: 40 });
  const grey = await planesOf({
    ...image,
    format: 'grey',
    range: 'full',
    stride: 40,
    data: Uint8Array.from(image.data),
  });
  expect(grey.subarray(count).every((value) => value === 0)).toBe(true);
  const plain = createPreprocessor({ ...colour, channels: 'luma' }, input).run(image);
  expect(grey.subarray(0, count)).toEqual(plain.tensor);
  expect(plain.smallChroma).toBeNull();
});

test('standard normalisation takes a cast of colour away', async () => {
  const plain = await planesOf(await stillOf(rgbPicture(), 'png'), standard);
  const cast = await planesOf(await stillOf(rgbPicture([0, 25, 40]), 'png'), standard);
  const most = Math.max(...plain.map((value, i) => Math.abs(value - cast[i])));
  expect(most).toBeLessThan(0.1);
  for (const from of [count, 2 * count]) {
    const mean = plain.subarray(from, from + count).reduce((sum, value) => sum + value, 0) / count;
    expect(Math.abs(mean)).toBeLessThan(1e-4);
  }
});

test('one tile without a clip limit is plain histogram equalisation', () => {
  const size = { width: 20, height: 20 };
  const from = Uint8Array.from({ length: 400 }, (_, i) => 100 + (i % 20));
  const to = new Uint8Array(400);
  createEqualiser({ tiles: 1, clip: 1000 }, size).run(from, to);
  expect([...new Set(to)]).toEqual(Array.from({ length: 20 }, (_, i) => Math.round((255 * (i + 1)) / 20)));
});

test('evened out, a dim half shows as much contrast as a bright one; a low limit holds noise down', () => {
  const size = { width: 64, height: 64 };
  const image = Uint8Array.from({ length: 4096 }, (_, i) => 60 + ((i * 7919) % 131));
  const dim = Uint8Array.from(image, (grey, i) => (i % 64 < 32 ? grey / 5 + 10 : grey));
  const spread = (values: Uint8Array, left: number): number => {
    const half = values.filter((_, i) => Math.floor((i % 64) / 32) === left);
    const mean = half.reduce((sum, value) => sum + value, 0) / half.length;
    return Math.sqrt(half.reduce((sum, value) => sum + (value - mean) ** 2, 0) / half.length);
  };
  const evened = new Uint8Array(dim.length);
  createEqualiser({ tiles: 4, clip: 20 }, size).run(dim, evened);
  expect(spread(dim, 0) / spread(dim, 1)).toBeLessThan(0.4);
  expect(spread(evened, 0) / spread(evened, 1)).toBeGreaterThan(0.6);
  const flat = Uint8Array.from({ length: 4096 }, (_, i) => 120 + (i % 3));
  const held = new Uint8Array(flat.length);
  createEqualiser({ tiles: 4, clip: 1 }, size).run(flat, held);
  expect(Math.max(...held) - Math.min(...held)).toBeLessThan(12);
});

test('the gates measure what was there before it was evened out', () => {
  const image = drawLuma('crack', { width: 64, height: 64 });
  const plain = createPreprocessor({ ...colour, channels: 'luma' }, input);
  const evened = createPreprocessor({ ...colour, channels: 'luma', clahe: { tiles: 4, clip: 2 } }, input);
  const first = Float32Array.from(plain.run(image).tensor);
  const { small, mean, deviation, tensor } = evened.run(image);
  expect(small).toEqual(plain.run(image).small);
  expect({ mean, deviation }).toEqual({ mean: plain.run(image).mean, deviation: plain.run(image).deviation });
  expect(tensor).not.toEqual(first);
});
