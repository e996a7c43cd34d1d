import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { cpus, machine, release } from 'node:os';
import { dirname, join } from 'node:path';
import jpegTurbo from '@julusian/jpeg-turbo';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_BUNDLE, shippedModels } from '../../src/cli/models-folder.ts';
import type { Frame } from '../../src/domain/frame.ts';
import { ChardevLine } from '../../src/light/gpio/chardev.ts';
import { resolveBundle } from '../../src/model/bundle.ts';
import { loadLibc, OPEN, POLL } from '../../src/platform/libc.ts';
import type { EngineChoice } from '../../src/vision/engine/engine.ts';
import { startVision, type Vision } from '../../src/vision/vision.ts';
import { drawLuma } from '../fixtures/pictures.ts';
import { ELSEWHERE, farthest, isArm64Rig, readFacts, SHARE } from './arm64-facts.ts';
import { openV4l2, small } from './virtual-camera.ts';

const require = createRequire(import.meta.url);

/** The C API's library inside the npm package, as `onnx-native` would be given a board's own. */
function npmLibrary(): string {
  const package_ = dirname(dirname(require.resolve('onnxruntime-node')));
  return join(package_, 'bin/napi-v6/linux/arm64/libonnxruntime.so.1');
}

const engines: Readonly<Record<string, EngineChoice>> = {
  onnx: { engine: 'onnx', provider: 'cpu', threads: 2 },
  'onnx-native': isArm64Rig
    ? { engine: 'onnx-native', provider: 'cpu', threads: 2, library: npmLibrary() }
    : { provider: 'cpu', threads: 2 },
};
/** Far beyond what an inference takes, emulated on a busy machine. */
const HANG_MS = 300_000;

function still(data: Uint8Array<ArrayBuffer>, sequence: number): Frame {
  const capturedAt = { monoMs: performance.now(), utcMs: Date.now() };
  const nothing = { width: 0, height: 0, stride: 0 };
  return { ...nothing, sequence, capturedAt, format: 'jpeg', range: 'full', data, source: 'still' };
}

/** The PL061 of the emulated board: a driver that writes registers; what its pins carry, the emulator itself tells. */
const PL061 = { chip: '9030000.pl061', line: 5, activeLow: false } as const;

async function pin(): Promise<boolean> {
  const told = await readFile(join(SHARE, 'pl061.log'), 'utf8');
  return (
    told
      .trimEnd()
      .split('\n')
      .findLast((line) => line.includes(`output ${PL061.line} to`))
      ?.endsWith('1') ?? false
  );
}

/** Few inferences: emulated, one takes seconds. */
function shippedModelTests(name: string, choice: EngineChoice): void {
  let vision: Vision;
  let readyMs = 0;
  beforeAll(async () => {
    const bundle = await resolveBundle(DEFAULT_BUNDLE, shippedModels());
    const begin = performance.now();
    vision = await startVision({ bundle, ...choice, hangMs: HANG_MS });
    readyMs = performance.now() - begin;
  });
  afterAll(() => vision.close());

  test('starts, which it does only where every golden input is right', ({ task }) => {
    expect(vision.model).toMatchObject({ engine: name, provider: 'cpu' });
    task.meta.figures = `${vision.model.name} ${vision.model.version}, ready in ${readyMs.toFixed(0)} ms (emulated)`;
  });

  test('says of a still what the other processor says', async ({ task }) => {
    const { arch, shipped } = readFacts();
    const bytes = new Uint8Array(await readFile(join(SHARE, shipped.file)));
    const { verdict } = await vision.judge(still(bytes, 1));
    expect(verdict).toMatchObject({ label: shipped.label, blind: shipped.blind });
    const distance = farthest(verdict.probabilities, shipped.probabilities);
    expect(distance).toBeLessThanOrEqual(1e-4);
    task.meta.figures = `${verdict.label}, farthest from ${arch} ${distance.toExponential(1)}; inference ${verdict.stages.infer.toFixed(0)} ms (emulated)`;
  });

  if (name !== 'onnx') return;
  test('judges a frame of the V4L2 camera', async ({ task }) => {
    const { source } = openV4l2('v4l2:vivid', small);
    try {
      await source.start();
      const frame = await source.next(AbortSignal.timeout(HANG_MS));
      if (frame === null) throw new Error('the camera ended');
      const { width, height, format } = frame;
      const { verdict } = await vision.judge(frame);
      const { label, blind, probabilities } = verdict;
      const figures = Object.entries(probabilities).map(([what, value]) => `${what} ${value.toFixed(3)}`);
      task.meta.figures = `${width}x${height} ${format}: ${label ?? `blind, ${blind}`}; ${figures.join(', ')}`;
      expect(label === null).toBe(blind !== null);
    } finally {
      await source.stop();
    }
  });
}

function arm64Tests(): void {
  test('Node 24 runs on arm64', ({ task }) => {
    expect(process.versions.node).toMatch(/^24\./);
    expect(process.arch).toBe('arm64');
    expect(machine()).toBe('aarch64');
    task.meta.figures = `Node ${process.versions.node}, Linux ${release()}, ${cpus().length} cores`;
  });

  test('sharp and jpeg-turbo encode and decode', async ({ task }) => {
    const { width, height, data } = drawLuma('crack');
    const image = sharp(data, { raw: { width, height, channels: 1 } });
    const png = await sharp(await image.clone().png().toBuffer())
      .greyscale()
      .raw()
      .toBuffer();
    expect(Buffer.compare(png, data)).toBe(0);
    const jpeg = await image.jpeg({ quality: 95 }).toBuffer();
    const bySharp = await sharp(jpeg).greyscale().raw().toBuffer();
    const byTurbo = jpegTurbo.decompressSync(jpeg, { format: jpegTurbo.FORMAT_GRAY });
    expect(byTurbo).toMatchObject({ width, height });
    const distance = (other: Uint8Array): number =>
      data.reduce((sum, value, index) => sum + Math.abs(value - other[index]), 0) / data.length;
    expect(distance(bySharp)).toBeLessThan(3);
    expect(distance(byTurbo.data)).toBeLessThan(3);
    task.meta.figures = `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}; mean distance by sharp ${distance(bySharp).toFixed(2)}, by jpeg-turbo ${distance(byTurbo.data).toFixed(2)} of 255`;
  });

  test('koffi calls the C library and hears its errors', async ({ task }) => {
    const libc = loadLibc();
    expect(() => libc.open('/nowhere', OPEN.readWrite)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    const descriptor = libc.open('/dev/null', OPEN.readWrite);
    expect(() => libc.ioctl(descriptor, 0x5401, new Uint8Array(64), 'TCGETS')).toThrow(
      expect.objectContaining({ code: 'ENOTTY' }),
    );
    expect(await libc.poll(descriptor, POLL.readable, 1000)).toBe(POLL.readable);
    libc.close(descriptor);
    expect(() => libc.close(descriptor)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    const koffi: typeof import('koffi') = require('koffi');
    expect(koffi.load('libc.so.6').func('int getpid(void)')()).toBe(process.pid);
    task.meta.figures = `koffi ${koffi.version}`;
  });

  for (const [name, choice] of Object.entries(engines)) {
    describe(`the shipped model on ${name}`, () => shippedModelTests(name, choice));
  }

  test('a PL061 drives its pin, as the emulator sees it', async ({ task }) => {
    const line = new ChardevLine(PL061);
    const seen: boolean[] = [];
    line.open(true);
    seen.push(await pin());
    line.set(false);
    seen.push(await pin());
    line.set(true);
    seen.push(await pin());
    line.close(false);
    seen.push(await pin());
    expect(seen).toEqual([true, false, true, false]);
    task.meta.figures = line.description;
  });
}

if (!isArm64Rig) test.skip(`arm64 (${ELSEWHERE})`, () => {});
else describe('arm64', arm64Tests);
