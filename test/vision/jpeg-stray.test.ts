import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { createLumaDecoder, decodeLuma, type Picture } from '../../src/vision/decode.ts';
import { withoutStrayBytes } from '../../src/vision/jpeg-stray.ts';
import type { LumaPlane } from '../../src/vision/luma.ts';
import { drawJpeg, drawLuma } from '../fixtures/pictures.ts';

const jpeg = (data: Uint8Array): Picture => ({
  format: 'jpeg',
  range: 'full',
  width: 0,
  height: 0,
  stride: 0,
  data: new Uint8Array(data),
});

function withBytes(bytes: Uint8Array, at: number, added: readonly number[]): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(added), bytes.subarray(at)]);
}

/** Where the segments before the data begin, that of the scan last. */
function segments(bytes: Uint8Array): number[] {
  const places: number[] = [];
  for (let at = 2; ; at += 2 + ((bytes[at + 2] << 8) | bytes[at + 3])) {
    places.push(at);
    if (bytes[at + 1] === 0xda) return places;
  }
}

function restarts(bytes: Uint8Array): number[] {
  const places: number[] = [];
  for (let at = segments(bytes).at(-1) ?? 0; at + 1 < bytes.length; at++) {
    if (bytes[at] === 0xff && bytes[at + 1] >= 0xd0 && bytes[at + 1] <= 0xd7) places.push(at);
  }
  return places;
}

const grey = drawJpeg('crack', { width: 97, height: 61 });

/** As cameras send them: in colour. */
async function colour(sampling: '4:2:0' | '4:4:4'): Promise<Uint8Array> {
  const { data, width, height } = drawLuma('crack-in-rust', { width: 101, height: 67 });
  const tinted = sharp(data, { raw: { width, height, channels: 1 } })
    .tint('#c08040')
    .toColourspace('srgb');
  return tinted.jpeg({ chromaSubsampling: sampling, quality: 88 }).toBuffer();
}

async function kinds(): Promise<[string, Uint8Array][]> {
  return [
    ['grey', grey],
    ['4:2:0', await colour('4:2:0')],
    ['4:4:4', await colour('4:4:4')],
  ];
}

test.each([1, 2, 3, 7, 16, 64])('%i stray bytes before the end marker do no harm', async (count) => {
  for (const [name, bytes] of await kinds()) {
    const whole = await decodeLuma(jpeg(bytes));
    for (const value of [0x00, 0x55, 0xa7]) {
      const stray = Array.from({ length: count }, () => value);
      const luma = await decodeLuma(jpeg(withBytes(bytes, bytes.length - 2, stray)));
      expect(Buffer.from(luma.data).equals(whole.data), `${name} ${value}`).toBe(true);
    }
  }
});

test('in luma and chroma stray bytes do no harm either', async () => {
  const decoder = createLumaDecoder(undefined, 'luma-chroma');
  const decode = async (bytes: Uint8Array): Promise<LumaPlane> =>
    structuredClone(await decoder.decode(jpeg(bytes)));
  for (const [name, bytes] of await kinds()) {
    const whole = await decode(bytes);
    expect(whole.chroma === undefined, name).toBe(name === 'grey');
    for (const at of [...segments(bytes), bytes.length - 2]) {
      expect(await decode(withBytes(bytes, at, [0, 0, 0x12, 0x55, 0x55])), name).toEqual(whole);
    }
  }
});

test('a thousand zeros of padding before the end marker do no harm', async () => {
  for (const [, bytes] of await kinds()) {
    const padded = withBytes(bytes, bytes.length - 2, Array(1000).fill(0));
    expect((await decodeLuma(jpeg(padded))).data).toEqual((await decodeLuma(jpeg(bytes))).data);
  }
});

test('stray bytes before any marker of the header do no harm', async () => {
  for (const [, bytes] of await kinds()) {
    const whole = await decodeLuma(jpeg(bytes));
    for (const at of segments(bytes)) {
      const luma = await decodeLuma(jpeg(withBytes(bytes, at, [0, 0, 0x12])));
      expect(luma.data).toEqual(whole.data);
    }
  }
});

test('without Huffman tables, as many cameras send it, stray bytes do no harm either', async () => {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const at of segments(grey)) {
    if (grey[at + 1] !== 0xc4) continue;
    parts.push(grey.subarray(from, at));
    from = at + 2 + ((grey[at + 2] << 8) | grey[at + 3]);
  }
  const bare = Buffer.concat([...parts, grey.subarray(from)]);
  const luma = await decodeLuma(jpeg(withBytes(bare, bare.length - 2, Array(9).fill(0x55))));
  expect(luma.data).toEqual((await decodeLuma(jpeg(grey))).data);
});

test('data that ends early stays refused, whatever fills the place', async () => {
  for (const [name, bytes] of await kinds()) {
    const scan = segments(bytes).at(-1) ?? 0;
    const end = bytes.subarray(-2);
    for (let length = scan + 20; length < bytes.length - 12; length += 211) {
      const cut = bytes.subarray(0, length);
      for (const filling of [0, 8, 5000]) {
        const broken = Buffer.concat([cut, Buffer.alloc(filling), end]);
        await expect(decodeLuma(jpeg(broken)), `${name} ${length} + ${filling}`).rejects.toMatchObject({
          code: 'IMAGE_UNREADABLE',
        });
      }
    }
  }
});

test("another picture's data behind a whole one is no padding", async () => {
  const again = grey.subarray((segments(grey).at(-1) ?? 0) + 8, -2);
  await expect(
    decodeLuma(jpeg(Buffer.concat([grey.subarray(0, -2), again, grey.subarray(-2)]))),
  ).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
});

test('restart markers: stray bytes before one do no harm, a missing or foreign marker is refused', async () => {
  const bytes = withRestarts();
  const whole = await decodeLuma(jpeg(bytes));
  const places = restarts(bytes);
  expect(places.length).toBeGreaterThan(2);
  for (const at of places) {
    const luma = await decodeLuma(jpeg(withBytes(bytes, at, [0, 0, 0, 0, 0, 0, 0, 0, 0])));
    expect(luma.data).toEqual(whole.data);
  }
  const missing = Buffer.concat([bytes.subarray(0, places[1]), bytes.subarray(places[1] + 2)]);
  expect(withoutStrayBytes(missing)).toBeNull();
});

/** A grey JPEG in which a restart marker follows each block. */
function withRestarts(): Uint8Array {
  // One block; four of it side by side, each in an interval of its own, so that each begins at the same level.
  const block = drawJpeg('white', { width: 8, height: 8 });
  const scan = (segments(block).at(-1) ?? 0) + 10;
  const head = Buffer.from(block.subarray(0, scan));
  const frame = segments(block).find((at) => block[at + 1] === 0xc0) ?? 0;
  head.writeUInt16BE(32, frame + 7);
  const data = block.subarray(scan, -2);
  const interval = Buffer.from([0xff, 0xdd, 0, 4, 0, 1]);
  const intervals = [0, 1, 2].flatMap((count) => [data, Buffer.from([0xff, 0xd0 + count])]);
  const start = segments(block)[0];
  return Buffer.concat([
    head.subarray(0, start),
    interval,
    head.subarray(start),
    ...intervals,
    data,
    block.subarray(-2),
  ]);
}

test('a progressive picture, an empty one and mere words are left alone', async () => {
  const progressive = await sharp(grey).jpeg({ progressive: true }).toBuffer();
  expect(withoutStrayBytes(progressive)).toBeNull();
  expect(withoutStrayBytes(new Uint8Array())).toBeNull();
  expect(withoutStrayBytes(new TextEncoder().encode('words, not pictures'))).toBeNull();
});

test('what is whole comes back as it was; damage ends, and never in anything but bytes or null', () => {
  expect(withoutStrayBytes(grey)).toEqual(new Uint8Array(grey));
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(damage, fc.nat(), (changes, cut) => {
      const broken = Uint8Array.from(grey.subarray(0, cut % 2 === 0 ? grey.length : cut % grey.length));
      for (const [at, value] of changes) if (broken.length > 0) broken[at % broken.length] = value;
      const result = withoutStrayBytes(broken);
      expect(result === null || result.length <= broken.length).toBe(true);
    }),
    { numRuns: 400 },
  );
});
