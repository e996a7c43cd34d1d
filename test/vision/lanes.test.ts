import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Frame } from '../../src/domain/frame.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { asSpectaError, type SpectaError } from '../../src/platform/errors.ts';
import { FrameOrder } from '../../src/vision/frame-order.ts';
import { pictureOfStill } from '../../src/vision/golden.ts';
import { startVision, type Vision, type VisionOptions } from '../../src/vision/vision.ts';
import { crackPicture, drawJpeg, rustPicture, soundPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';

let folder = '';
let bundle: Bundle;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-lanes-'));
  bundle = await makeTinyBundle(join(folder, 'tiny'));
});

afterAll(() => rm(folder, { recursive: true }));

/** Further lanes are loaded as soon as one frame waits. */
function start(options: Partial<VisionOptions> = {}): Promise<Vision> {
  return startVision({ bundle, provider: 'cpu', threads: 1, widenAfterMs: 0, ...options });
}

function frame(data: Uint8Array<ArrayBuffer>, sequence: number): Frame {
  return { ...pictureOfStill(data), sequence, capturedAt: { monoMs: 5, utcMs: 6 }, source: 'drawn' };
}

/** Small and large ones in turn, so that the later one is ready first; some torn. */
function film(): Frame[] {
  const large = drawJpeg('crack', { width: 2000, height: 1400 });
  const pictures = [large, soundPicture(), rustPicture(), crackPicture().slice(0, 3_000), crackPicture()];
  return Array.from({ length: 20 }, (_, index) => frame(Uint8Array.from(pictures[index % 5]), index));
}

/** What was said of each frame, all given at once; times left out. */
async function judgeAll(vision: Vision, frames: readonly Frame[]): Promise<unknown[]> {
  const said: unknown[] = [];
  await Promise.all(
    frames.map(({ ...given }) =>
      vision.judge(given).then(
        ({ verdict: { stages: _, ...verdict } }: { verdict: Verdict }) => said.push(verdict),
        (error: unknown) => said.push([given.sequence, asSpectaError(error).code]),
      ),
    ),
  );
  return said;
}

test('several lanes say what one says, in the order of the frames', async () => {
  await using stack = new AsyncDisposableStack();
  const one = await start();
  stack.defer(() => one.close());
  const three = await start({ lanes: 3 });
  stack.defer(() => three.close());
  const expected = await judgeAll(one, film());
  expect(expected.filter(Array.isArray)).toHaveLength(4);
  // Once while further lanes load, once with all of them.
  expect(await judgeAll(three, film())).toEqual(expected);
  const [first, ...rest] = expected as Verdict[];
  const again = (await judgeAll(three, film())) as Verdict[];
  expect(again.slice(1)).toEqual(rest);
  // What was before the first frame now is the last of the round before.
  expect(first.quality.change).toBeNull();
  expect(again[0]).toEqual({ ...first, quality: { ...first.quality, change: expect.any(Number) } });
});

test('a camera that repeats one picture is frozen, whichever lane sees it', async () => {
  const { gates } = bundle.manifest;
  const patient = { ...bundle, manifest: { ...bundle.manifest, gates: { ...gates, frozenFrames: 9 } } };
  const vision = await start({ bundle: patient, lanes: 2 });
  const same = await Promise.all(
    Array.from({ length: 40 }, (_, index) => vision.judge(frame(Uint8Array.from(rustPicture()), index))),
  );
  const blind = same.map(({ verdict }) => verdict.blind);
  expect(blind.slice(0, 9)).toEqual(Array(9).fill(null));
  expect(blind.slice(9)).toEqual(Array(31).fill('frozen'));
  await vision.close();
});

test('a lane that dies fails them all, once, and every frame is answered', async () => {
  const posted = vi.spyOn(Worker.prototype, 'postMessage');
  const vision = await start({ lanes: 2 });
  const told: SpectaError[] = [];
  vision.onFailure((error) => told.push(error));
  const lanes = (): Worker[] => [...new Set(posted.mock.contexts as Worker[])];
  // The second lane loads while the first judges.
  while (lanes().length < 2) await judgeAll(vision, film());
  const [lane] = lanes();
  posted.mockRestore();
  // No message at all: the thread stumbles over it, before the frames that are given now.
  lane.postMessage(null);
  const said = await judgeAll(vision, film());
  expect(said).toHaveLength(20);
  expect(said.at(-1)).toEqual([19, 'ENGINE_FAILED']);
  expect(told).toHaveLength(1);
  await vision.close();
});

test('frames that wait for a moment load no further lane; seconds of it do', async () => {
  const posted = vi.spyOn(Worker.prototype, 'postMessage');
  const lanes = (): number => new Set(posted.mock.contexts).size;
  const clock = new ManualClock();
  const few = (): Frame[] => film().slice(1, 4);
  const vision = await startVision({ bundle, provider: 'cpu', threads: 1, lanes: 2, clock });
  // A burst now and then, for long.
  for (let burst = 0; burst < 8; burst += 1) {
    await judgeAll(vision, few());
    await clock.advance(1_000);
  }
  expect(lanes()).toBe(1);
  for (let step = 0; step < 8; step += 1) {
    await judgeAll(vision, few());
    await clock.advance(400);
  }
  while (lanes() < 2) await judgeAll(vision, few());
  posted.mockRestore();
  await vision.close();
});

test('a further lane that does not start is told, and the first goes on alone', async () => {
  const copy = join(folder, 'gone');
  const lost = await makeTinyBundle(copy);
  const told: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => void told.push(line) });
  const vision = await start({ bundle: lost, lanes: 2, log });
  expect(vision.lanes).toBe(2);
  await rm(join(copy, 'model.onnx'));
  const failures: SpectaError[] = [];
  vision.onFailure((error) => failures.push(error));
  while (vision.lanes > 1) expect(await judgeAll(vision, film())).toHaveLength(20);
  expect((await judgeAll(vision, film())).filter(Array.isArray)).toHaveLength(4);
  expect(failures).toEqual([]);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain('a further lane of vision did not start');
  await vision.close();
});

test('closing while a further lane loads ends both', async () => {
  const vision = await start({ lanes: 2 });
  const judging = judgeAll(vision, film());
  await vision.close();
  expect(await judging).toHaveLength(20);
  await expect(vision.judge(film()[0])).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
});

test('turns pass one after the other, once each; nobody waits behind a lost frame', () => {
  const shared = FrameOrder.share();
  const order = new FrameOrder(shared);
  const [first, second, third] = [0, 1, 2].map((number) => order.turn(number));
  first.come();
  first.pass();
  first.pass();
  second.pass();
  third.come();
  new FrameOrder(shared).abandon();
  expect(() => third.come()).toThrow(expect.objectContaining({ code: 'ENGINE_FAILED' }));
  third.pass();
});
