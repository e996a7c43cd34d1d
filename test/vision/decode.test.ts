import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { SpectaError } from '../../src/platform/errors.ts';
import { createLumaDecoder, decodeLuma, type Picture } from '../../src/vision/decode.ts';
import { pictureOfStill } from '../../src/vision/golden.ts';
import { stillFormatOf } from '../../src/vision/still.ts';
import { drawJpeg, drawLuma, jpegOfLuma } from '../fixtures/pictures.ts';
import { type RawOptions, rawPicture } from './raw-frames.ts';

const still = (bytes: Uint8Array): Picture => pictureOfStill(new Uint8Array(bytes));
const jpeg = (bytes: Uint8Array): Picture => ({ ...still(bytes), format: 'jpeg' });

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index])), 0);
}

const drawn = drawLuma('crack-in-rust', { width: 97, height: 61 });

const rawKinds: RawOptions[] = (['grey', 'yuyv', 'uyvy', 'nv12', 'yu12'] as const).flatMap((format) =>
  (['full', 'limited'] as const).flatMap((range) => [0, 6].map((padding) => ({ format, range, padding }))),
);

test.each(
  rawKinds,
)('$format, $range range, $padding bytes of padding: luma is what was drawn', async (kind) => {
  const luma = await decodeLuma(rawPicture(drawn, kind));
  expect([luma.width, luma.height]).toEqual([97, 61]);
  expect(largestDifference(luma.data, drawn.data)).toBeLessThanOrEqual(kind.range === 'full' ? 0 : 1);
});

test('the last row of a raw frame may come without its padding', async () => {
  const frame = rawPicture(drawn, { format: 'grey', range: 'full', padding: 6 });
  const luma = await decodeLuma({ ...frame, data: frame.data.slice(0, -6) });
  expect(largestDifference(luma.data, drawn.data)).toBe(0);
});

test.each([
  ['a byte short', { cut: 1 }],
  ['a byte long', { add: 1 }],
  ['a stride below the width', { stride: 96 }],
  ['no width', { width: 0 }],
  ['a broken height', { height: 60.5 }],
])('a raw frame with %s is FRAME_INVALID', async (_, {
  cut = 0,
  add = 0,
  ...wrong
}: Record<string, number>) => {
  const frame = rawPicture(drawn, { format: 'nv12', range: 'full', padding: 0 });
  const data = new Uint8Array(frame.data.length - cut + add);
  await expect(decodeLuma({ ...frame, ...wrong, data })).rejects.toMatchObject({ code: 'FRAME_INVALID' });
});

test('PNG, WebP, TIFF and GIF of a picture give its luma, each told by its bytes', async () => {
  const image = drawLuma('rust', { width: 80, height: 60 });
  const raw = sharp(image.data, { raw: { width: 80, height: 60, channels: 1 } });
  const files = {
    png: await raw.clone().png().toBuffer(),
    palette: await raw.clone().png({ palette: false, compressionLevel: 1 }).toBuffer(),
    webp: await raw.clone().webp({ lossless: true }).toBuffer(),
    tiff: await raw.clone().tiff({ compression: 'lzw' }).toBuffer(),
  };
  for (const [name, bytes] of Object.entries(files)) {
    expect(stillFormatOf(bytes), name).toBe('encoded');
    const luma = await decodeLuma(still(bytes));
    expect(largestDifference(luma.data, image.data), name).toBeLessThanOrEqual(1);
  }
});

test('16-bit, transparent and colour pictures give 8-bit luma by the weights of JPEG', async () => {
  const solid = (background: { r: number; g: number; b: number; alpha?: number }, channels: 3 | 4) =>
    sharp({ create: { width: 16, height: 16, channels, background } });
  const red = await decodeLuma(still(await solid({ r: 255, g: 0, b: 0 }, 3).png().toBuffer()));
  expect(red.data[40]).toBe(76);
  const redJpeg = await decodeLuma(still(await solid({ r: 255, g: 0, b: 0 }, 3).jpeg().toBuffer()));
  expect(redJpeg.data[40]).toBe(76);
  const half = await decodeLuma(
    still(await solid({ r: 200, g: 200, b: 200, alpha: 0.5 }, 4).png().toBuffer()),
  );
  expect(Math.abs(half.data[40] - 100)).toBeLessThanOrEqual(1);
  const deep = await solid({ r: 90, g: 90, b: 90 }, 3).toColourspace('rgb16').png().toBuffer();
  expect((await decodeLuma(still(deep))).data[40]).toBe(90);
});

test('a CMYK JPEG is read', async () => {
  const image = sharp({ create: { width: 16, height: 16, channels: 3, background: '#808080' } });
  const luma = await decodeLuma(still(await image.toColourspace('cmyk').jpeg().toBuffer()));
  expect(luma.data).toHaveLength(256);
});

test('an empty picture is IMAGE_EMPTY', async () => {
  await expect(decodeLuma(jpeg(new Uint8Array()))).rejects.toMatchObject({ code: 'IMAGE_EMPTY' });
  await expect(decodeLuma({ ...still(new Uint8Array()), format: 'encoded' })).rejects.toMatchObject({
    code: 'IMAGE_EMPTY',
  });
});

test('a JPEG cut anywhere is IMAGE_TRUNCATED', async () => {
  const bytes = drawJpeg('crack', { width: 64, height: 48 });
  for (let length = 1; length < bytes.length; length += length < 40 ? 1 : 37) {
    await expect(decodeLuma(jpeg(bytes.subarray(0, length))), `${length} bytes`).rejects.toMatchObject({
      code: 'IMAGE_TRUNCATED',
    });
  }
});

test('a progressive JPEG cut in half is IMAGE_TRUNCATED, whole it is read', async () => {
  const bytes = await sharp(drawJpeg('rust')).jpeg({ progressive: true }).toBuffer();
  await expect(decodeLuma(jpeg(bytes.subarray(0, bytes.length >> 1)))).rejects.toMatchObject({
    code: 'IMAGE_TRUNCATED',
  });
  await expect(decodeLuma(jpeg(bytes))).resolves.toMatchObject({ width: 320, height: 240 });
});

test('PNG and WebP cut anywhere are IMAGE_TRUNCATED', async () => {
  const raw = sharp(drawn.data, { raw: { width: 97, height: 61, channels: 1 } });
  for (const bytes of [await raw.clone().png().toBuffer(), await raw.clone().webp().toBuffer()]) {
    for (let length = 16; length < bytes.length; length += 211) {
      await expect(decodeLuma(still(bytes.subarray(0, length))), `${length}`).rejects.toMatchObject({
        code: 'IMAGE_TRUNCATED',
      });
    }
  }
});

test('a JPEG with a hole in its data is IMAGE_UNREADABLE, not a picture', async () => {
  const bytes = drawJpeg('crack');
  const holed = new Uint8Array(bytes.length - 4000);
  holed.set(bytes.subarray(0, 6000));
  holed.set(bytes.subarray(10_000), 6000);
  await expect(decodeLuma(jpeg(holed))).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
});

test('bytes behind the end of a JPEG do no harm', async () => {
  const bytes = drawJpeg('crack', { width: 64, height: 48 });
  const padded = new Uint8Array(bytes.length + 512);
  padded.set(bytes);
  await expect(decodeLuma(jpeg(padded))).resolves.toMatchObject({ width: 64, height: 48 });
});

test.each(['text', 'a PNG from a camera of JPEGs'])('%s is IMAGE_UNSUPPORTED', async (what) => {
  const bytes =
    what === 'text'
      ? new TextEncoder().encode('no picture, only words')
      : await sharp(drawJpeg('sound')).png().toBuffer();
  await expect(decodeLuma(jpeg(bytes))).rejects.toMatchObject({ code: 'IMAGE_UNSUPPORTED' });
});

test('a picture that no header describes is IMAGE_UNSUPPORTED when it comes as `encoded`', async () => {
  const picture = { ...still(new TextEncoder().encode('words')), format: 'encoded' as const };
  await expect(decodeLuma(picture)).rejects.toMatchObject({ code: 'IMAGE_UNSUPPORTED' });
});

test('a JPEG header that says 100 megapixels is IMAGE_TOO_LARGE before any memory is taken', async () => {
  const bytes = Uint8Array.from(drawJpeg('sound'));
  const frameHeader = bytes.findIndex((value, at) => value === 0xff && bytes[at + 1] === 0xc0);
  bytes.set([10_000 >> 8, 10_000 & 255, 10_000 >> 8, 10_000 & 255], frameHeader + 5);
  const before = process.memoryUsage().arrayBuffers;
  await expect(decodeLuma(jpeg(bytes))).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
});

test('PNG and raw frames above the limit are IMAGE_TOO_LARGE too', async () => {
  const png = await sharp(drawJpeg('sound')).png().toBuffer();
  const limits = { maxPixels: 320 * 240 - 1 };
  await expect(decodeLuma(still(png), limits)).rejects.toMatchObject({ code: 'IMAGE_TOO_LARGE' });
  const raw = rawPicture(drawn, { format: 'grey', range: 'full', padding: 0 });
  await expect(decodeLuma(raw, { maxPixels: 97 * 61 - 1 })).rejects.toMatchObject({
    code: 'IMAGE_TOO_LARGE',
  });
});

test('one decoder reads pictures of different sizes one after the other', async () => {
  const decoder = createLumaDecoder();
  for (const [width, height] of [
    [320, 240],
    [64, 48],
    [400, 300],
  ]) {
    const image = drawLuma('rust', { width, height });
    const plane = await decoder.decode(jpeg(jpegOfLuma(image, 100)));
    expect([plane.width, plane.height]).toEqual([width, height]);
    expect(Math.abs(plane.data[plane.offset + 5 * plane.stride] - image.data[5 * width])).toBeLessThan(4);
  }
});

test('a JPEG of a rare kind is IMAGE_UNSUPPORTED', async () => {
  const bytes = Uint8Array.from(drawJpeg('sound', { width: 64, height: 48 }));
  const frameHeader = bytes.findIndex((value, at) => value === 0xff && bytes[at + 1] === 0xc0);
  bytes[frameHeader + 1] = 0xc3;
  await expect(decodeLuma(jpeg(bytes))).rejects.toMatchObject({ code: 'IMAGE_UNSUPPORTED' });
});

test('an MJPEG frame without Huffman tables, as many cameras send it, is read with the standard ones', async () => {
  const bytes = drawJpeg('crack', { width: 64, height: 48 });
  const parts: Uint8Array[] = [];
  let from = 0;
  for (let at = 2; bytes[at + 1] !== 0xda; at += 2 + ((bytes[at + 2] << 8) | bytes[at + 3])) {
    if (bytes[at + 1] !== 0xc4) continue;
    parts.push(bytes.subarray(from, at));
    from = at + 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
  }
  expect(from).toBeGreaterThan(0);
  const bare = Buffer.concat([...parts, bytes.subarray(from)]);
  expect((await decodeLuma(jpeg(bare))).data).toEqual((await decodeLuma(jpeg(bytes))).data);
});

test('whatever happens to the bytes: luma or a SpectaError', async () => {
  const png = await sharp(drawn.data, { raw: { width: 97, height: 61, channels: 1 } })
    .png()
    .toBuffer();
  const whole = [drawJpeg('rust', { width: 48, height: 48 }), png];
  const limits = { maxPixels: 100_000 };
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...whole), damage, async (bytes, changes) => {
      const broken = Uint8Array.from(bytes);
      for (const [at, value] of changes) broken[at % broken.length] = value;
      const format = stillFormatOf(broken) ?? 'jpeg';
      try {
        const luma = await decodeLuma({ ...still(broken), format }, limits);
        expect(luma.data).toHaveLength(luma.width * luma.height);
      } catch (error) {
        expect(error).toBeInstanceOf(SpectaError);
      }
    }),
    { numRuns: 300 },
  );
});
