import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { LumaRange, PixelFormat } from '../../src/domain/frame.ts';
import { type FramePixels, frameImage } from '../../src/record/frame-image.ts';
import { sampleJpeg } from './samples.ts';

const WIDTH = 64;
const HEIGHT = 48;
const PADDING = 16;

/** One flat colour (BT.601, full range) in each raw layout, rows padded. */
function flat(format: PixelFormat, range: LumaRange, y: number, u: number, v: number): FramePixels {
  const limit = (value: number, gain: number, zero: number): number =>
    range === 'limited' ? Math.round(zero + (value - zero * (zero === 128 ? 1 : 0)) * gain) : value;
  const luma = range === 'limited' ? Math.round(16 + (y * 219) / 255) : y;
  const blue = limit(u, 224 / 255, 128);
  const red = limit(v, 224 / 255, 128);
  const packed = format === 'yuyv' || format === 'uyvy';
  const stride = (packed ? WIDTH * 2 : WIDTH) + PADDING;
  const rows: number[] = [];
  if (packed) {
    const quad = format === 'yuyv' ? [luma, blue, luma, red] : [blue, luma, red, luma];
    for (let row = 0; row < HEIGHT; row++) for (let i = 0; i < stride; i++) rows.push(quad[i % 4]);
  } else {
    for (let i = 0; i < stride * HEIGHT; i++) rows.push(luma);
    if (format === 'nv12')
      for (let i = 0; i < (stride * HEIGHT) / 2; i++) rows.push(i % 2 === 0 ? blue : red);
    if (format === 'yu12') {
      for (let i = 0; i < (stride * HEIGHT) / 4; i++) rows.push(blue);
      for (let i = 0; i < (stride * HEIGHT) / 4; i++) rows.push(red);
    }
  }
  return { format, range, width: WIDTH, height: HEIGHT, stride, data: new Uint8Array(rows) };
}

const layouts: readonly PixelFormat[] = ['grey', 'yuyv', 'uyvy', 'nv12', 'yu12'];

test.each(layouts)('%s of both ranges becomes a JPEG of the right size and colour', async (format) => {
  for (const range of ['full', 'limited'] as const) {
    const image = await frameImage(flat(format, range, 120, 90, 170));
    expect(image).toMatchObject({ extension: 'jpg', width: WIDTH, height: HEIGHT });
    const { channels } = await sharp(image.bytes).stats();
    const means = channels.map((channel) => channel.mean);
    const grey = format === 'grey';
    const expected = grey ? [120] : [120 + 1.402 * 42, 120 + 0.344 * 38 - 0.714 * 42, 120 - 1.772 * 38];
    expected.forEach((value, i) => {
      expect(Math.abs(means[i] - value)).toBeLessThan(4);
    });
  }
});

test('compressed frames are kept byte for byte', async () => {
  const jpeg = await sampleJpeg(96, 64);
  const kept = await frameImage({
    format: 'jpeg',
    range: 'full',
    width: 0,
    height: 0,
    stride: 0,
    data: jpeg,
  });
  expect(kept).toEqual({ bytes: jpeg, extension: 'jpg', width: 96, height: 64 });
  const png = new Uint8Array(await sharp(jpeg).png().toBuffer());
  const other = await frameImage({
    format: 'encoded',
    range: 'full',
    width: 0,
    height: 0,
    stride: 0,
    data: png,
  });
  expect(other).toEqual({ bytes: png, extension: 'png', width: 96, height: 64 });
});

test('a raw frame of too few bytes and bytes that are no image are refused with their own codes', async () => {
  for (const format of layouts) {
    const whole = flat(format, 'full', 1, 2, 3);
    await expect(frameImage({ ...whole, data: whole.data.slice(0, 900) })).rejects.toMatchObject({
      code: 'FRAME_INVALID',
    });
  }
  const junk = {
    format: 'jpeg',
    range: 'full',
    width: 0,
    height: 0,
    stride: 0,
    data: new Uint8Array(9),
  } as const;
  await expect(frameImage(junk)).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
});
