import { expect, test } from 'vitest';
import type { CameraState, FrameSource } from '../../src/camera/frame-source.ts';
import { FrameLoop } from '../../src/daemon/frame-loop.ts';
import type { Frame } from '../../src/domain/frame.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Judgement, Vision } from '../../src/vision/vision.ts';
import { until } from '../suites/frame-source.ts';

/** Has the next frame whenever it is asked. */
function endlessCamera(waits: boolean): FrameSource {
  let sequence = 0;
  let stopped = false;
  const frame = (): Frame => ({
    sequence: sequence++,
    capturedAt: { monoMs: sequence, utcMs: 0 },
    ...{ format: 'grey', range: 'full', width: 1, height: 1, stride: 1, source: 'none' },
    data: new Uint8Array(1),
  });
  return {
    ...{ uri: 'none', mode: null, waits, drops: {}, delivered: 0 },
    state: { kind: 'streaming' } satisfies CameraState,
    start: () => Promise.resolve(),
    stop: async () => {
      stopped = true;
    },
    onState: () => () => undefined,
    next: () => Promise.resolve(stopped ? null : frame()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

test.each([
  { what: 'a camera: a frame for each lane, for another would only grow old', waits: false, held: 3 },
  { what: 'footage that waits: the next frame is at hand', waits: true, held: 4 },
])('$what', async ({ waits, held }) => {
  const answers: (() => void)[] = [];
  const given: number[] = [];
  const judge = ({ sequence }: Frame): Promise<Judgement> => {
    given.push(sequence);
    return new Promise((_, reject) => answers.push(() => reject(new Error('no engine is needed here'))));
  };
  const camera = endlessCamera(waits);
  const loop = new FrameLoop({
    camera,
    vision: { vision: { lanes: 3, judge } as unknown as Vision, proved: () => undefined },
    log: silentLog(),
    onVerdict: () => undefined,
  });
  const running = loop.run();
  await until(() => given.length >= held);
  answers.shift()?.();
  await until(() => given.length > held);
  // Whatever else would come has come: nothing here waits for a time.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(given).toEqual(Array.from({ length: held + 1 }, (_, index) => index));
  await camera.stop();
  while (answers.length > 0) answers.shift()?.();
  await running;
});
