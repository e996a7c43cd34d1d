import { readdirSync, readFileSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Frame } from '../../src/domain/frame.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import type { SpectaError } from '../../src/platform/errors.ts';
import { pictureOfStill } from '../../src/vision/golden.ts';
import { startVision, type Vision, type VisionOptions } from '../../src/vision/vision.ts';
import { crackPicture, drawJpeg, rustPicture, soundPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';

let folder = '';
let bundle: Bundle;
/** Serves the tests that leave it as it was. */
let vision: Vision;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-vision-'));
  bundle = await makeTinyBundle(join(folder, 'tiny'));
  vision = await start();
});

afterAll(async () => {
  await vision.close();
  await rm(folder, { recursive: true });
});

function start(options: Partial<VisionOptions> = {}): Promise<Vision> {
  return startVision({ bundle, provider: 'cpu', threads: 1, ...options });
}

function frame(data: Uint8Array<ArrayBuffer>, sequence = 1): Frame {
  return { ...pictureOfStill(data), sequence, capturedAt: { monoMs: 5, utcMs: 6 }, source: 'drawn' };
}

test('tells which model runs, by name, version, digest, engine and provider', async () => {
  expect(vision.model).toEqual({
    name: 'tiny',
    version: '0.0.1',
    digest: bundle.digest,
    engine: 'onnx',
    provider: 'cpu',
  });
});

test('the bytes go to the worker and come back as they were', async () => {
  const bytes = crackPicture();
  const given = frame(Uint8Array.from(bytes));
  const judged = await vision.judge(given);
  expect(judged.verdict).toMatchObject({ label: 'crack', frame: { sequence: 1, source: 'drawn' } });
  expect(given.data.byteLength).toBe(0);
  expect(judged.frame.data).toEqual(bytes);
  expect((await vision.judge(judged.frame)).verdict.label).toBe('crack');
});

test('a view on a larger buffer is copied, and its neighbours stay', async () => {
  const picture = rustPicture();
  const pool = new Uint8Array(picture.length + 100).fill(9);
  pool.set(picture, 50);
  const judged = await vision.judge(frame(pool.subarray(50, 50 + picture.length)));
  expect(judged.verdict.label).toBe('corrosion');
  expect(judged.frame.data).toEqual(picture);
  expect([pool[0], pool[49], pool.at(-1)]).toEqual([9, 9, 9]);
});

test('a Buffer that is part of a larger one is copied too: its slice would be a view', async () => {
  const picture = rustPicture();
  const pool = Buffer.from(new ArrayBuffer(picture.length + 100));
  pool.set(picture, 50);
  const judged = await vision.judge(frame(pool.subarray(50, 50 + picture.length)));
  expect(judged.verdict.label).toBe('corrosion');
  expect(judged.frame.data).toEqual(picture);
  expect(pool.byteLength).toBe(picture.length + 100);
});

test('calls wait for each other and each gets its own verdict', async () => {
  const pictures = [soundPicture(), crackPicture(), rustPicture(), crackPicture({ seed: 2 })];
  const judged = await Promise.all(pictures.map((data, sequence) => vision.judge(frame(data, sequence))));
  expect(judged.map(({ verdict }) => [verdict.frame.sequence, verdict.label])).toEqual([
    [0, 'intact'],
    [1, 'crack'],
    [2, 'corrosion'],
    [3, 'crack'],
  ]);
});

test('a corrupt frame rejects with its code and the next one is judged', async () => {
  const torn = vision.judge(frame(crackPicture().slice(0, 3000)));
  const next = vision.judge(frame(crackPicture()));
  await expect(torn).rejects.toMatchObject({ name: 'SpectaError', code: 'IMAGE_TRUNCATED' });
  expect((await next).verdict.label).toBe('crack');
});

test('a frame whose bytes went away before is FRAME_INVALID', async () => {
  const once = frame(soundPicture());
  await vision.judge(once);
  await expect(vision.judge(once)).rejects.toMatchObject({ code: 'FRAME_INVALID' });
  expect((await vision.judge(frame(rustPicture()))).verdict.label).toBe('corrosion');
});

test.skipIf(process.platform !== 'linux')(
  'on Linux the thread that judges steps back behind the one that drives the light',
  () => {
    const nice = (task: string): number =>
      Number(readFileSync(`/proc/self/task/${task}/stat`, 'utf8').split(') ')[1].split(' ')[16]);
    const others = readdirSync('/proc/self/task').filter((task) => task !== String(process.pid));
    // The tests' own priority, whatever they were started with.
    const own = nice(String(process.pid));
    expect(others.some((task) => nice(task) > own)).toBe(true);
  },
);

test('close lets the frames finish that were given before, may be called twice, and ends judging', async () => {
  const own = await start();
  const given = [crackPicture(), rustPicture()].map((data, sequence) => own.judge(frame(data, sequence)));
  await Promise.all([own.close(), own.close()]);
  expect((await Promise.all(given)).map(({ verdict }) => verdict.label)).toEqual(['crack', 'corrosion']);
  await expect(own.judge(frame(crackPicture()))).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
});

test('an engine that hangs rejects the frame with ENGINE_FAILED, tells once, and closes', async () => {
  const own = await start({ hangMs: 0 });
  const told: SpectaError[] = [];
  own.onFailure((error) => told.push(error));
  // Big enough to take longer than no time at all.
  const slow = own.judge(frame(drawJpeg('crack', { width: 2400, height: 1600 })));
  await expect(slow).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  await expect(own.judge(frame(crackPicture()))).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  await own.close();
  expect(told.map(({ code }) => code)).toEqual(['ENGINE_FAILED']);
});

test('a worker that dies rejects the frame in flight and those behind it, and tells once', async () => {
  const posted = vi.spyOn(Worker.prototype, 'postMessage');
  const own = await start();
  const told: SpectaError[] = [];
  own.onFailure((error) => told.push(error));
  await own.judge(frame(crackPicture()));
  const worker = posted.mock.contexts[0] as Worker;
  posted.mockRestore();
  // No message at all: the thread stumbles over it.
  worker.postMessage(null);
  const refused = Promise.allSettled([1, 2].map((sequence) => own.judge(frame(crackPicture(), sequence))));
  const failed = { status: 'rejected', reason: { code: 'ENGINE_FAILED' } };
  expect(await refused).toMatchObject([failed, failed]);
  await expect(own.judge(frame(crackPicture()))).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  expect(told).toHaveLength(1);
  await own.close();
});

test('an aborted start rejects with the reason', async () => {
  const reason = new Error('changed my mind');
  await expect(start({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  const stopping = new AbortController();
  const starting = start({ signal: stopping.signal });
  stopping.abort(reason);
  await expect(starting).rejects.toBe(reason);
});

test('a provider that is not there is PROVIDER_ABSENT', async () => {
  await expect(start({ provider: 'abacus' })).rejects.toMatchObject({ code: 'PROVIDER_ABSENT' });
});

test('a provider without a stated tolerance is BUNDLE_NOT_SERVABLE', async () => {
  const untold = { ...bundle, manifest: { ...bundle.manifest, tolerances: { cuda: 0.01 } } };
  await expect(start({ bundle: untold })).rejects.toMatchObject({
    code: 'BUNDLE_NOT_SERVABLE',
    message: expect.stringContaining('cpu'),
  });
});

test('a golden input with another probability than expected is GOLDEN_MISMATCH, with both values', async () => {
  const [first, ...rest] = bundle.manifest.golden;
  const expected = { ...first.expected, crack: (first.expected.crack ?? 0) + 0.002 };
  const manifest = { ...bundle.manifest, golden: [{ ...first, expected }, ...rest] };
  await expect(start({ bundle: { ...bundle, manifest } })).rejects.toMatchObject({
    code: 'GOLDEN_MISMATCH',
    message: expect.stringMatching(/golden\/sound\.jpg: crack is 0\.\d+, expected 0\.\d+/),
  });
});

test('equal probabilities with another label are GOLDEN_MISMATCH too', async () => {
  const { manifest } = bundle;
  const crack = manifest.golden[1].expected.crack ?? 0;
  const rule = manifest.defects.crack;
  if (!rule) throw new Error('the tiny bundle knows cracks');
  // The threshold lies between what is expected and what comes out, both within the tolerance.
  const moved = {
    ...manifest,
    tolerances: { cpu: 0.01 },
    defects: { ...manifest.defects, crack: { ...rule, on: Math.min(1, crack + 0.00001) } },
    golden: manifest.golden.map((golden, index) =>
      index === 1 ? { ...golden, expected: { ...golden.expected, crack: 1 } } : golden,
    ),
  };
  await expect(start({ bundle: { ...bundle, manifest: moved } })).rejects.toMatchObject({
    code: 'GOLDEN_MISMATCH',
    message: expect.stringContaining('label'),
  });
});

test('a network that does not fit its manifest is BUNDLE_NOT_SERVABLE', async () => {
  const input = { width: 32, height: 64, channels: 1 } as const;
  await expect(
    start({ bundle: { ...bundle, manifest: { ...bundle.manifest, input } } }),
  ).rejects.toMatchObject({
    code: 'BUNDLE_NOT_SERVABLE',
    message: expect.stringContaining('[1, 1, 64, 32]'),
  });
});

test('a damaged network is BUNDLE_NOT_SERVABLE', async () => {
  const broken = await makeTinyBundle(join(folder, 'broken'));
  const file = join(broken.folder, 'model.onnx');
  await writeFile(file, (await readFile(file)).subarray(0, 300));
  await appendFile(file, 'rubbish');
  await expect(start({ bundle: broken })).rejects.toMatchObject({ code: 'BUNDLE_NOT_SERVABLE' });
});
