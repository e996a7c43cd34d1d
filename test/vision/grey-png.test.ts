import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { readGreyPng } from '../../src/vision/grey-png.ts';

const MOST = 1_000_000;
const models = resolve(import.meta.dirname, '../../models');
const golden = readdirSync(models, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.png'),
);

test.each(golden)('%s is read as the general decoder reads it', async (file) => {
  const bytes = readFileSync(join(models, file));
  const { data, info } = await sharp(bytes).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
  const read = readGreyPng(bytes, MOST);
  expect(read).toMatchObject({ width: info.width, height: info.height });
  expect(Buffer.from(read?.data ?? []).equals(data)).toBe(true);
});

test('every filter, any size', async () => {
  const pictures = fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.boolean())
    .chain(([width, height, adaptiveFiltering]) =>
      fc.record({
        width: fc.constant(width),
        height: fc.constant(height),
        adaptiveFiltering: fc.constant(adaptiveFiltering),
        data: fc.uint8Array({ minLength: width * height, maxLength: width * height }),
      }),
    );
  await fc.assert(
    fc.asyncProperty(pictures, async ({ width, height, adaptiveFiltering, data }) => {
      const bytes = await sharp(data, { raw: { width, height, channels: 1 } })
        .toColourspace('b-w')
        .png({ adaptiveFiltering })
        .toBuffer();
      expect(readGreyPng(bytes, MOST)).toEqual({ width, height, data });
    }),
    { numRuns: 60 },
  );
});

test('whatever else is left to the general decoder: colour, depth, interlacing, too large, damaged, cut off', async () => {
  const grey = sharp(Buffer.alloc(64, 9), { raw: { width: 8, height: 8, channels: 1 } }).toColourspace('b-w');
  const whole = await grey.clone().png().toBuffer();
  expect(readGreyPng(whole, 64)).not.toBeNull();
  expect(readGreyPng(whole, 63)).toBeNull();
  const colour = sharp(Buffer.alloc(192, 9), { raw: { width: 8, height: 8, channels: 3 } });
  expect(readGreyPng(await colour.png().toBuffer(), MOST)).toBeNull();
  expect(readGreyPng(await grey.clone().png({ progressive: true }).toBuffer(), MOST)).toBeNull();
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Uint8Array.from(whole);
      damaged[at] ^= change;
      // The signature is not looked at: whoever calls has.
      if (at >= 8) expect(readGreyPng(damaged, MOST)).toBeNull();
      expect(readGreyPng(whole.subarray(0, at), MOST)).toBeNull();
    }),
  );
});
