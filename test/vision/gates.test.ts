import { expect, test } from 'vitest';
import type { QualityGates } from '../../src/domain/manifest.ts';
import { blindReason, createGatekeeper, defaultGates, type Sight } from '../../src/vision/gates.ts';
import type { LumaImage } from '../../src/vision/luma.ts';
import { createPreprocessor, type Preprocessed } from '../../src/vision/preprocess.ts';
import { drawLuma, type Scene } from '../fixtures/pictures.ts';

const size = { width: 400, height: 400 };
const preprocessing = {
  channels: 'luma',
  resize: 'bilinear',
  normalisation: 'none',
  scale: 1 / 255,
} as const;
const preprocessor = createPreprocessor(preprocessing, size);

function prepare(image: LumaImage): Preprocessed {
  return preprocessor.run(image);
}

function look(image: LumaImage, gates: QualityGates = defaultGates(size)): Sight {
  return createGatekeeper(gates, size).judge(prepare(image));
}

function flat(level: number): LumaImage {
  return { ...size, data: new Uint8Array(400 * 400).fill(level) };
}

/** The mean over a square window, far too wide for fine detail; twice, as a poor lens does. */
function blurred(image: LumaImage, radius: number): LumaImage {
  const pass = (
    from: Uint8Array,
    step: number,
    length: number,
    lines: number,
    lineStep: number,
  ): Uint8Array => {
    const to = new Uint8Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let at = 0; at < length; at++) {
        let sum = 0;
        for (let near = at - radius; near <= at + radius; near++) {
          sum += from[line * lineStep + Math.min(length - 1, Math.max(0, near)) * step];
        }
        to[line * lineStep + at * step] = Math.round(sum / (2 * radius + 1));
      }
    }
    return to;
  };
  const { width, height } = image;
  let data = image.data;
  for (let round = 0; round < 2; round++) {
    data = pass(pass(data, 1, width, height, width), width, height, width, 1);
  }
  return { width, height, data };
}

test.each<Scene>(['sound', 'crack', 'rust', 'crack-in-rust'])('the camera sees a %s picture', (scene) => {
  expect(look(drawLuma(scene, size)).blind).toBeNull();
});

test('figures of a picture that is easy to work out', () => {
  // Columns of 0 and 200 by turns: every inner pixel bends by 400.
  const data = Uint8Array.from({ length: 400 * 400 }, (_, at) => (at % 2) * 200);
  const { quality } = look({ ...size, data });
  expect(quality).toEqual({
    mean: 100,
    deviation: 100,
    saturatedShare: 0,
    sharpness: 400,
    localContrast: 100,
    change: null,
  });
  expect(look(flat(250)).quality.saturatedShare).toBe(1);
});

test('each kind of blindness is told by its name', () => {
  const black = drawLuma('dark', size);
  const rust = drawLuma('crack-in-rust', size);
  expect(look(black).blind).toBe('dark');
  expect(look(flat(0)).blind).toBe('dark');
  expect(look(drawLuma('white', size)).blind).toBe('saturated');
  expect(look(flat(255)).blind).toBe('saturated');
  expect(look(flat(120)).blind).toBe('no-signal');
  expect(
    look(drawLuma('hazy', { ...size, seed: 3 }), { ...defaultGates(size), minLocalContrast: 2 }).blind,
  ).toBe('turbid');
  expect(look(blurred(rust, 10)).blind).toBe('blurred');
});

test('a camera that repeats one picture is frozen after `frozenFrames`, and sees again with the next one', () => {
  const gates = { ...defaultGates(size), frozenFrames: 3 };
  const gatekeeper = createGatekeeper(gates, size);
  const judge = (seed: number): string | null =>
    gatekeeper.judge(prepare(drawLuma('sound', { ...size, seed }))).blind;
  expect([1, 1, 1, 1, 1, 2, 2].map(judge)).toEqual([null, null, null, 'frozen', 'frozen', null, null]);
});

test('a picture after forgetting has no frame before it', () => {
  const gatekeeper = createGatekeeper({ ...defaultGates(size), frozenFrames: 2 }, size);
  const picture = drawLuma('sound', size);
  for (let time = 0; time < 5; time++) {
    gatekeeper.forget();
    expect(gatekeeper.judge(prepare(picture))).toMatchObject({ blind: null, quality: { change: null } });
  }
});

test('sensor noise is change enough: a vehicle that stands still is not frozen', () => {
  const gatekeeper = createGatekeeper({ ...defaultGates(size), frozenFrames: 2 }, size);
  const picture = drawLuma('rust', size);
  for (let time = 0; time < 5; time++) {
    const noisy = picture.data.map((grey, at) => grey + ((at * 7919 + time * 104729) % 3 === 0 ? 1 : 0));
    expect(gatekeeper.judge(prepare({ ...size, data: noisy })).blind).toBeNull();
  }
});

test('of several reasons the first cause is told', () => {
  const gates = defaultGates(size);
  const nothing = { mean: 0, deviation: 0, saturatedShare: 0, sharpness: 0, localContrast: 0, change: 0 };
  const order = [
    nothing,
    { ...nothing, mean: 240, saturatedShare: 1 },
    { ...nothing, mean: 100 },
    { ...nothing, mean: 100, deviation: 9 },
  ];
  expect(order.map((quality) => blindReason(quality, gates, 1_000))).toEqual([
    'dark',
    'saturated',
    'no-signal',
    'frozen',
  ]);
  const veiled = { ...nothing, mean: 100, deviation: 9 };
  expect(blindReason(veiled, gates, 0)).toBe('turbid');
  expect(blindReason({ ...veiled, localContrast: 9 }, gates, 0)).toBe('blurred');
});
