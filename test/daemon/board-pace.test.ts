import { expect, test } from 'vitest';
import type { CameraState, FrameSource } from '../../src/camera/frame-source.ts';
import { BoardPace } from '../../src/daemon/board-pace.ts';
import { FrameLoop } from '../../src/daemon/frame-loop.ts';
import type { Frame } from '../../src/domain/frame.ts';
import type { BoardStrain } from '../../src/platform/board-strain.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Judgement, Vision } from '../../src/vision/vision.ts';

const WELL: BoardStrain = { headroomCelsius: 30, clockShare: 1 };

test('a hot board: fewer frames are judged, and more again when it has cooled', async () => {
  const clock = new ManualClock();
  const counts = { delivered: 0 };
  let strain = WELL;
  const camera = {
    get delivered() {
      return counts.delivered;
    },
    drops: {},
  };
  const pace = new BoardPace({ camera, clock, log: silentLog(), read: () => Promise.resolve(strain) });
  const live = async (seconds: number): Promise<number> => {
    for (let second = 0; second < seconds; second += 2) {
      await clock.advance(2_000);
      counts.delivered += 60;
      await pace.look();
    }
    return pace.stride;
  };
  expect(await live(30)).toBe(1);
  strain = { ...WELL, headroomCelsius: -2 };
  expect(await live(12)).toBe(2);
  expect(pace.board).toEqual(strain);
  expect(await live(120)).toBe(6);
  strain = WELL;
  expect(await live(50)).toBe(6);
  expect(await live(240)).toBe(1);
});

/** As many frames as told, then the end. */
function shortCamera(frames: number): FrameSource {
  let given = 0;
  const frame = (): Frame => ({
    sequence: given,
    capturedAt: { monoMs: given, utcMs: 0 },
    ...{ format: 'grey', range: 'full', width: 1, height: 1, stride: 1, source: 'none' },
    data: new Uint8Array(1),
  });
  return {
    uri: 'none',
    mode: null,
    waits: true,
    drops: {},
    delivered: 0,
    state: { kind: 'streaming' } satisfies CameraState,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    onState: () => () => undefined,
    next: () => {
      given += 1;
      return Promise.resolve(given > frames ? null : frame());
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

test('at a stride of 3 every third frame is judged, and those left out are counted and told', async () => {
  const judged: number[] = [];
  let thinned = 0;
  const judge = (frame: Frame): Promise<Judgement> => {
    judged.push(frame.sequence);
    return Promise.reject(new Error('no engine is needed here'));
  };
  const loop = new FrameLoop({
    camera: shortCamera(10),
    vision: { vision: { lanes: 1, judge } as unknown as Vision, proved: () => undefined },
    log: silentLog(),
    onVerdict: () => undefined,
    stride: () => 3,
    onThinned: () => {
      thinned += 1;
    },
  });
  await loop.run();
  expect(judged).toEqual([3, 6, 9]);
  expect(thinned).toBe(7);
  expect(loop.dropped).toMatchObject({ thinned: 7 });
});
