import fc from 'fast-check';
import { expect, test } from 'vitest';
import { choiceInWords, chooseInterval, rankModes } from '../../src/camera/v4l2/choose-mode.ts';
import { framesPerSecond, type OfferedMode } from '../../src/camera/v4l2/mode.ts';
import { withinSteps } from '../../src/camera/v4l2/offered.ts';
import { pixelsOf } from '../../src/camera/v4l2/pixel-formats.ts';

const FOURCCS = ['NV12', 'YU12', 'YUYV', 'UYVY', 'GREY', 'MJPG', 'JPEG'] as const;

function mode(fourcc: string, width: number, height: number, ...rates: number[]): OfferedMode {
  const intervals = rates.map((rate) => ({ numerator: 1000, denominator: Math.round(rate * 1000) }));
  return {
    fourcc,
    pixels: pixelsOf(fourcc) ?? 'jpeg',
    width,
    height,
    intervals: { kind: 'list', intervals },
  };
}

const wish = { width: 640, height: 480, rate: 30 };

function first(offered: readonly OfferedMode[], asked = wish): string {
  const [chosen] = rankModes(offered, asked);
  const rate = chosen.interval === null ? '?' : framesPerSecond(chosen.interval);
  return `${chosen.fourcc} ${chosen.width}x${chosen.height} ${rate}`;
}

test('raw where the bus carries the rate, JPEG where it does not', () => {
  const usb2 = [
    mode('YUYV', 640, 480, 30, 15),
    mode('MJPG', 640, 480, 30, 60),
    mode('YUYV', 1280, 720, 10, 5),
    mode('MJPG', 1280, 720, 30),
  ];
  expect(first(usb2)).toBe('YUYV 640x480 30');
  expect(first(usb2, { width: 1280, height: 720, rate: 30 })).toBe('MJPG 1280x720 30');
  expect(first(usb2, { width: 1280, height: 720, rate: 10 })).toBe('YUYV 1280x720 10');
  expect(first(usb2, { width: 640, height: 480, rate: 60 })).toBe('MJPG 640x480 60');
});

test('colour before grey, and 29.97 is 30', () => {
  expect(first([mode('GREY', 640, 480, 30), mode('YUYV', 640, 480, 29.97)])).toBe('YUYV 640x480 29.97');
});

test('a size that is not offered: the smallest that covers it, else the largest', () => {
  expect(first([mode('YUYV', 320, 240, 30), mode('YUYV', 800, 600, 30), mode('YUYV', 1920, 1080, 30)])).toBe(
    'YUYV 800x600 30',
  );
  expect(first([mode('YUYV', 320, 240, 30), mode('YUYV', 160, 120, 30)])).toBe('YUYV 320x240 30');
});

test('a driver that tells no rates is taken at its word, and words say what else there was', () => {
  const silent: OfferedMode = { ...mode('YUYV', 640, 480), intervals: { kind: 'unknown' } };
  const ranked = rankModes([silent, mode('MJPG', 640, 480, 30)], wish);
  expect(ranked[0].interval).toBeNull();
  expect(choiceInWords(ranked[0], ranked, ['H264'], wish)).toBe(
    'Asked for 640x480 at 30 a second, took 640x480 YUYV at a rate it does not tell (raw, nothing to decode). It also offers 640x480 MJPG at 30 a second. It also has formats that are not read here: H264.',
  );
});

test('a range of rates gives exactly the wish, or its nearer end', () => {
  const range = {
    kind: 'range',
    shortest: { numerator: 1, denominator: 60 },
    longest: { numerator: 1, denominator: 5 },
  } as const;
  const rateFor = (rate: number): number => {
    const interval = chooseInterval(range, rate);
    return interval === null ? Number.NaN : framesPerSecond(interval);
  };
  expect([rateFor(12.5), rateFor(90), rateFor(1)]).toEqual([12.5, 60, 5]);
});

const offers = fc.array(
  fc
    .record({
      fourcc: fc.constantFrom(...FOURCCS),
      width: fc.integer({ min: 1, max: 4000 }),
      height: fc.integer({ min: 1, max: 3000 }),
      rates: fc.array(fc.integer({ min: 1, max: 240 }), { maxLength: 5 }),
    })
    .map(({ fourcc, width, height, rates }) => mode(fourcc, width, height, ...rates)),
  { maxLength: 30 },
);
const wishes = fc.record({
  width: fc.integer({ min: 1, max: 4000 }),
  height: fc.integer({ min: 1, max: 3000 }),
  rate: fc.integer({ min: 1, max: 120 }),
});

test('the ranking holds one offered mode of each format, whatever the order of the offer', () => {
  fc.assert(
    fc.property(offers, wishes, fc.infiniteStream(fc.nat()), (offered, asked, random) => {
      const ranked = rankModes(offered, asked);
      expect(new Set(ranked.map(({ fourcc }) => fourcc))).toEqual(
        new Set(offered.map(({ fourcc }) => fourcc)),
      );
      expect(ranked).toHaveLength(new Set(offered.map(({ fourcc }) => fourcc)).size);
      for (const { fourcc, width, height } of ranked) {
        expect(offered.some((o) => o.fourcc === fourcc && o.width === width && o.height === height)).toBe(
          true,
        );
      }
      const shuffled = offered
        .map((entry) => ({ entry, at: random.next().value ?? 0 }))
        .sort((a, b) => a.at - b.at)
        .map(({ entry }) => entry);
      expect(rankModes(shuffled, asked)).toEqual(ranked);
    }),
  );
});

test('a mode as asked in size and rate, raw, is never passed over', () => {
  fc.assert(
    fc.property(offers, wishes, (offered, asked) => {
      const [best] = rankModes([...offered, mode('YUYV', asked.width, asked.height, asked.rate)], asked);
      expect([best.width, best.height]).toEqual([asked.width, asked.height]);
      expect(best.pixels).not.toBe('jpeg');
      expect(best.interval === null || framesPerSecond(best.interval) >= asked.rate * 0.98).toBe(true);
    }),
  );
});

test('a size in steps is one of the steps, and covers the wish where one does', () => {
  const steps = fc.record({
    least: fc.integer({ min: 1, max: 500 }),
    most: fc.integer({ min: 500, max: 5000 }),
    step: fc.integer({ min: 0, max: 64 }),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6000 }), steps, (wanted, { least, most, step }) => {
      const size = withinSteps(wanted, { least, most, step });
      expect(size).toBeGreaterThanOrEqual(least);
      expect(size).toBeLessThanOrEqual(most);
      expect((size - least) % Math.max(1, step)).toBe(0);
      const greatest = least + Math.floor((most - least) / Math.max(1, step)) * Math.max(1, step);
      if (wanted <= greatest) expect(size).toBeGreaterThanOrEqual(wanted);
      else expect(size).toBe(greatest);
    }),
  );
});
