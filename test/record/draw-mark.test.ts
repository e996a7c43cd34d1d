import sharp from 'sharp';
import { expect, test } from 'vitest';
import { annotateImage, type Caption } from '../../src/record/annotate.ts';

const caption: Caption = { title: 'CRACK 97 %', lines: ['Weld it.'], tone: 'crack' };

/** How red each pixel of the picture is beyond its green, with the picture's width. */
async function redness(jpeg: Uint8Array): Promise<{ at: (x: number, y: number) => number }> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
  return {
    at: (x, y) => data[(y * info.width + x) * info.channels] - data[(y * info.width + x) * info.channels + 1],
  };
}

test('box and map are drawn where they are, the rest of the picture stays as it was', async () => {
  const grey = { r: 128, g: 128, b: 128 };
  const clean = await sharp({ create: { width: 640, height: 480, channels: 3, background: grey } })
    .png()
    .toBuffer();
  const box = { left: 0.5, top: 0.25, width: 0.25, height: 0.5 };
  const map = {
    area: { left: 0.5, top: 0, width: 0.5, height: 1 },
    columns: 2,
    rows: 2,
    values: [0, 1, 0.5, 0],
  };
  const drawn = await annotateImage(clean, { ...caption, mark: { box, map } });
  const { at } = await redness(drawn.jpeg);
  // The outline, inside the box' edge.
  expect(at(321, 240)).toBeGreaterThan(90);
  expect(at(478, 240)).toBeGreaterThan(90);
  expect(at(400, 121)).toBeGreaterThan(90);
  // The tint: strongest in the upper right of the area, weaker in the lower left, none elsewhere.
  expect(at(560, 60)).toBeGreaterThan(at(400, 420));
  expect(at(400, 420)).toBeGreaterThan(5);
  expect(at(400, 60)).toBeLessThan(4);
  expect(at(560, 420)).toBeLessThan(4);
  expect(at(100, 240)).toBeLessThan(4);
});

test('without a box only the map is drawn, and without a mark nothing', async () => {
  const grey = { r: 90, g: 90, b: 90 };
  const clean = await sharp({ create: { width: 320, height: 240, channels: 3, background: grey } })
    .png()
    .toBuffer();
  const { at } = await redness(
    (await annotateImage(clean, { ...caption, mark: { box: null, map: null } })).jpeg,
  );
  const plain = await redness((await annotateImage(clean, caption)).jpeg);
  for (const [x, y] of [
    [0, 0],
    [160, 120],
    [319, 239],
  ] as const)
    expect(at(x, y)).toBe(plain.at(x, y));
});
