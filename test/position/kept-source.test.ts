import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/platform/clock.ts';
import { KeptSource } from '../../src/position/kept-source.ts';

/** A source that loses what it listens to each time as soon as it listens. */
class FleetingSource extends KeptSource {
  tries = 0;

  get waits(): number {
    return getEventListeners(this.signal, 'abort').length;
  }

  protected listenUntilLost(listening: () => void): Promise<string | null> {
    this.tries += 1;
    return this.untilLost((lost) => {
      listening();
      lost('it is gone');
    });
  }
}

test('a source that tries for days keeps nothing of the tries before', async () => {
  const clock = new ManualClock();
  const source = new FleetingSource('fleeting', clock);
  source.start();
  await clock.advance(20_000);
  expect(source.tries).toBeGreaterThan(10);
  expect(source.state).toEqual({ kind: 'recovering', reason: 'it is gone' });
  // The pause that is under way.
  expect(source.waits).toBe(1);
  await source.stop();
  expect(source.waits).toBe(0);
});
