import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ImageSplitter, SplitImage } from '../../src/camera/image-splitter.ts';
import { MjpegSplitter } from '../../src/camera/mjpeg-splitter.ts';
import { RawSplitter, rawFrameBytes } from '../../src/camera/raw-splitter.ts';
import { jpeg, picture } from './camera-fixture.ts';

const MAX = 1 << 20;

function split(splitter: ImageSplitter, bytes: Uint8Array, cuts: readonly number[]): SplitImage[] {
  const found: SplitImage[] = [];
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    found.push(...splitter.push(bytes.subarray(from, to)));
    from = to;
  }
  return [...found, ...splitter.end()];
}

function images(found: readonly SplitImage[]): Buffer[] {
  return found.flatMap((one) => (one.kind === 'image' ? [Buffer.from(one.data)] : []));
}

function drops(found: readonly SplitImage[]): string[] {
  return found.flatMap((one) => (one.kind === 'dropped' ? [one.reason] : []));
}

const cutsOf = fc.array(fc.nat({ max: 5000 }), { maxLength: 20 });

const segment = (code: number, payload: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(4 + payload.length);
  bytes.set([0xff, code, (payload.length + 2) >> 8, (payload.length + 2) & 0xff]);
  bytes.set(payload, 4);
  return bytes;
};

/** Bytes as a segment may hold them, with whole thumbnails and marker look-alikes among them. */
const payload = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom(
        Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2),
        Uint8Array.of(0xff, 0xd9),
        Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 9, 0xff, 0xd9),
      ),
    ),
    { maxLength: 4 },
  )
  .map((parts) => Buffer.concat(parts));

/** Entropy-coded data: stuffed 0xFF, restart markers, fill bytes before the next marker. */
const entropy = fc
  .array(
    fc.oneof(
      fc
        .uint8Array({ minLength: 1, maxLength: 20 })
        .map((bytes) => bytes.map((byte) => (byte === 0xff ? 0xfe : byte))),
      fc.constantFrom(Uint8Array.of(0xff, 0x00), Uint8Array.of(0xff, 0xd0), Uint8Array.of(0xff, 0xd7)),
    ),
    { maxLength: 8 },
  )
  .map((parts) => Buffer.concat(parts));

const header = fc.record({ code: fc.constantFrom(0xdb, 0xc4, 0xdd, 0xe0, 0xe1, 0xef, 0xfe), payload });

const scan = fc.record({ between: fc.array(header, { maxLength: 2 }), entropy });

/** A JPEG as far as its markers go, also with several scans. */
const syntheticJpeg = fc
  .record({
    headers: fc.array(header, { maxLength: 4 }),
    scans: fc.array(scan, { minLength: 1, maxLength: 3 }),
  })
  .map(({ headers, scans }) =>
    Buffer.concat([
      Buffer.of(0xff, 0xd8),
      ...headers.map((one) => segment(one.code, one.payload)),
      segment(0xc0, Buffer.from([8, 0, 8, 0, 8, 1, 1, 0x11, 0])),
      ...scans.flatMap((one) => [
        ...one.between.map((other) => segment(other.code, other.payload)),
        segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
        one.entropy,
      ]),
      Buffer.of(0xff, 0xd9),
    ]),
  );

/** What may stand between images: anything in which no image begins, such as multipart headers. */
const garbage = fc.oneof(
  fc.constant(Buffer.from('\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 9\r\n\r\n')),
  fc
    .uint8Array({ maxLength: 60 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0xff ? 0xfe : byte)))),
);

test('MJPEG: every image comes out whole, whatever the chunks, thumbnails and bytes between images', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(garbage, syntheticJpeg), { maxLength: 5 }),
      garbage,
      cutsOf,
      (pairs, tail, cuts) => {
        const found = split(new MjpegSplitter(MAX), Buffer.concat([...pairs.flat(), tail]), cuts);
        expect(images(found)).toEqual(pairs.map(([, image]) => image));
        expect(drops(found)).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});

test('MJPEG: on any bytes it never throws, chunks do not matter, and memory is bounded', () => {
  const noise = fc
    .array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }),
        syntheticJpeg,
        syntheticJpeg.chain((image) => fc.nat({ max: image.length }).map((end) => image.subarray(0, end))),
        fc.constantFrom(
          Buffer.of(0xff, 0xd8, 0xff),
          Buffer.of(0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff),
          Buffer.of(0xff),
        ),
      ),
      { maxLength: 8 },
    )
    .map((parts) => Buffer.concat(parts));
  fc.assert(
    fc.property(noise, cutsOf, fc.integer({ min: 1, max: 400 }), (bytes, cuts, maxBytes) => {
      const whole = split(new MjpegSplitter(MAX), bytes, []);
      expect(split(new MjpegSplitter(MAX), bytes, cuts)).toEqual(whole);
      const splitter = new MjpegSplitter(maxBytes);
      for (const byte of bytes) {
        for (const one of splitter.push(Uint8Array.of(byte))) {
          if (one.kind === 'dropped') continue;
          expect(one.data.length).toBeLessThanOrEqual(maxBytes);
          expect([...one.data.subarray(0, 3)]).toEqual([0xff, 0xd8, 0xff]);
          expect([...one.data.subarray(-2)]).toEqual([0xff, 0xd9]);
        }
        expect(splitter.heldBytes).toBeLessThanOrEqual(maxBytes + 4);
      }
    }),
    { numRuns: 300 },
  );
});

test('MJPEG: an image cut short in its scan is one corrupt image, and those after it are whole', () => {
  fc.assert(
    fc.property(syntheticJpeg, syntheticJpeg, cutsOf, (first, second, cuts) => {
      const cut = first.subarray(0, -2);
      const found = split(new MjpegSplitter(MAX), Buffer.concat([cut, second]), cuts);
      expect(found.map((one) => one.kind)).toEqual(['dropped', 'image']);
      expect(images(found)).toEqual([second]);
    }),
  );
});

test('MJPEG: after a real image that is cut anywhere, what follows is found again', async () => {
  const first = Buffer.from(await jpeg(1));
  const rest = [Buffer.from(await jpeg(2)), Buffer.from(await jpeg(3))];
  const joined: number[] = [];
  for (let end = 2; end < first.length; end += 1) {
    const found = split(new MjpegSplitter(MAX), Buffer.concat([first.subarray(0, end), ...rest]), []);
    expect(images(found).at(-1), `cut after ${end} bytes`).toEqual(rest[1]);
    expect(
      images(found)
        .at(-2)
        ?.subarray(-rest[0].length + 2),
      `cut after ${end} bytes`,
    ).toEqual(rest[0].subarray(2));
    if (images(found).at(-2)?.length !== rest[0].length) joined.push(end);
  }
  // Cut two bytes before the end of a table, the next image is a valid continuation; it brings its own tables.
  expect(joined.length).toBeLessThanOrEqual(2);
});

test('MJPEG: progressive images and images with an EXIF thumbnail are one image each', async () => {
  const thumbnail = await jpeg(4, 16, 16);
  const plain = Buffer.from(await jpeg(5));
  const progressive = await picture(6, 64, 48).jpeg({ progressive: true }).toBuffer();
  const exif = Buffer.concat([plain.subarray(0, 2), segment(0xe1, thumbnail), plain.subarray(2)]);
  const stream = Buffer.concat([progressive, exif, plain]);
  expect(images(split(new MjpegSplitter(MAX), stream, [100, 700]))).toEqual([progressive, exif, plain]);
});

test('MJPEG: an oversized image is counted once, and the next is found', async () => {
  const small = Buffer.from(await jpeg(1, 16, 16));
  const large = Buffer.from(await jpeg(2, 256, 256));
  for (const cuts of [[], [1000, 2000, 3000, 4000]]) {
    const found = split(new MjpegSplitter(small.length), Buffer.concat([large, small, large, small]), cuts);
    expect(images(found)).toEqual([small, small]);
    expect(drops(found)).toEqual(['oversized', 'oversized']);
  }
});

test('MJPEG: markers without a picture are a corrupt image', () => {
  expect(drops(new MjpegSplitter(MAX).push(Buffer.of(0xff, 0xd8, 0xff, 0xd9)))).toEqual(['corrupt']);
});

test('raw: images are cut by their bytes, whatever the chunks, and a rest is corrupt', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 1, max: 50 }),
      cutsOf,
      (bytes, size, cuts) => {
        const found = split(new RawSplitter(size), bytes, cuts);
        const whole = Math.floor(bytes.length / size);
        expect(Buffer.concat(images(found))).toEqual(Buffer.from(bytes.subarray(0, whole * size)));
        expect(images(found)).toHaveLength(whole);
        expect(drops(found)).toEqual(bytes.length % size === 0 ? [] : ['corrupt']);
      },
    ),
  );
});

test('raw: bytes of an image by its format', () => {
  expect(rawFrameBytes('grey', 5, 3)).toBe(15);
  expect(rawFrameBytes('yuyv', 4, 3)).toBe(24);
  expect(rawFrameBytes('uyvy', 5, 3)).toBeNull();
  expect(rawFrameBytes('nv12', 4, 2)).toBe(12);
  expect(rawFrameBytes('yu12', 4, 3)).toBeNull();
});
