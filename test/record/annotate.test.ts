import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { annotateImage, type Caption } from '../../src/record/annotate.ts';
import { drawable, strokes, wrap } from '../../src/record/lettering.ts';
import { sampleJpeg } from './samples.ts';

const caption: Caption = {
  title: 'CRACK 97 %',
  lines: [
    'Stop and inspect with a second camera; plan ultrasonic testing.',
    '2026-01-01T12:34:56.789Z (clock unsynchronised)',
    'Finding 0b6f2c1e-7d1a-4b7e-9f52-3c9f5e1a2b3d',
  ],
  tone: 'crack',
};

async function pixels(image: Uint8Array): Promise<{ data: Buffer; width: number; height: number }> {
  const { data, info } = await sharp(image).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

test.each([
  [320, 180],
  [641, 480],
  [1920, 1080],
])('a %i x %i picture keeps its width and content, and the caption lies in a band below', async (w, h) => {
  const clean = await sampleJpeg(w, h);
  const drawn = await annotateImage(clean, caption);
  const [before, after] = [await pixels(clean), await pixels(drawn.jpeg)];
  expect([after.width, after.height]).toEqual([drawn.width, drawn.height]);
  expect(drawn.width).toBe(w);
  expect(drawn.height).toBeGreaterThan(h + 40);
  expect(drawn.picture).toEqual({ left: 0, top: 0, width: w, height: h });
  let worst = 0;
  let sum = 0;
  const count = w * (h - 8) * 3;
  for (let i = 0; i < count; i++) {
    const difference = Math.abs(before.data[i] - after.data[i]);
    worst = Math.max(worst, difference);
    sum += difference;
  }
  // Only what compressing again costs: nothing is drawn on the picture.
  expect(sum / count).toBeLessThan(2);
  expect(worst).toBeLessThan(32);
  const band = after.data.subarray(w * h * 3);
  let bright = 0;
  for (let i = 0; i < band.length; i += 3) if (band[i] > 180 && band[i + 1] > 180) bright++;
  expect(bright).toBeGreaterThan(300);
  // The bar at the left edge is red for a crack.
  const bar = ((after.height - 10) * w + 1) * 3;
  expect(after.data[bar]).toBeGreaterThan(180);
  expect(after.data[bar + 1]).toBeLessThan(110);
});

test('a picture narrower than the text needs stands between margins', async () => {
  const drawn = await annotateImage(await sampleJpeg(64, 64), caption);
  expect(drawn.width).toBe(320);
  expect(drawn.picture).toEqual({ left: 128, top: 0, width: 64, height: 64 });
});

test('grey, transparent and turned pictures can be drawn on', async () => {
  const base = sharp({ create: { width: 400, height: 200, channels: 4, background: '#8080807f' } });
  const png = await base.clone().png().toBuffer();
  const grey = await base.clone().removeAlpha().greyscale().jpeg().toBuffer();
  const turned = await base.clone().removeAlpha().jpeg().withMetadata({ orientation: 6 }).toBuffer();
  for (const image of [png, grey]) {
    expect((await annotateImage(image, caption)).picture).toMatchObject({ width: 400, height: 200 });
  }
  const drawn = await annotateImage(turned, caption);
  expect(drawn.picture).toMatchObject({ left: 60, width: 200, height: 400 });
});

test('any text is drawn, and none can break out of the drawing', async () => {
  const clean = await sampleJpeg(320, 180);
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(fc.string({ unit: 'binary', maxLength: 80 }), { maxLength: 3 }),
      async (title, lines) => {
        const drawn = await annotateImage(clean, { title, lines, tone: 'neutral' });
        expect(drawn.width).toBe(320);
      },
    ),
    { numRuns: 5 },
  );
  expect(strokes('</g><script>&', 0, 0, 10, '#fff', 1)).not.toMatch(/script|&(?!amp;)/);
});

test('wrapping loses no letter, keeps to its columns and says when it cuts', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.integer({ min: 4, max: 40 }), (text, columns) => {
      const lines = wrap(text, columns, 1_000);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
      expect(lines.join('').replaceAll(' ', '')).toBe(drawable(text).replaceAll(' ', ''));
    }),
  );
  const cut = wrap('one two three four five six', 9, 2);
  expect(cut).toHaveLength(2);
  expect(cut[1].endsWith('...')).toBe(true);
});

test('bytes that are no picture are refused with their own code', async () => {
  await expect(annotateImage(new Uint8Array([1, 2, 3]), caption)).rejects.toMatchObject({
    code: 'IMAGE_UNREADABLE',
  });
  await expect(annotateImage(new Uint8Array(), caption)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
});
