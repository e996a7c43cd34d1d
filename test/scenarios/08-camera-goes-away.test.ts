import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { scenario } from './scenario.ts';

scenario(
  '08 a camera that is pulled off, hangs or sees nothing: told, shown by the light, counted, never "no defect"',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('sound');
    const daemon = await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
    const works = () => surface.last('status/camera')?.condition === 'ok';
    await stage.until('it streams', works);

    // Pulled off: its process ends.
    await camera.show('broken');
    await stage.until(
      'status/camera says so',
      () => surface.last('status/camera')?.condition === 'recovering',
    );
    expect(surface.last('status/camera')?.reason).toContain('the camera was pulled off');
    await stage.until('the light blinks slowly', () => surface.last('light')?.shows === 'cannot-see');
    expect(surface.last('light')?.down).toEqual(['camera']);
    // Longer than a frame speaks for: all of this gap is lost time.
    await sleep(2_500);
    await camera.show('sound');
    await stage.until('it streams again', works);
    await stage.until('the light blinks no more', () => surface.last('light')?.shows !== 'cannot-see');

    // It hangs: the process lives and gives no frame.
    await camera.show('nothing');
    await stage.until('the stall is noticed', () =>
      surface.last('status/camera')?.reason?.startsWith('no frame for'),
    );
    await camera.show('dark');
    await stage.until('it streams again', works);

    // It streams, but there is nothing to see: that is no sound pipe, and no fault of the camera either.
    await stage.until(
      'blind time is told',
      () => (surface.last('run')?.run?.coverage.framesBlind ?? 0) >= 10,
    );
    expect(works()).toBe(true);

    await daemon.stop();
    const coverage = surface.last('run')?.run?.coverage;
    expect(coverage?.blindSeconds.dark).toBeGreaterThan(0);
    expect(coverage?.lostSeconds).toBeGreaterThan(2);
    expect(coverage?.framesJudged).toBeGreaterThan(0);
    expect(surface.all('alerts')).toEqual([]);
    expect(surface.raw('detections')).toEqual([]);
  },
);
