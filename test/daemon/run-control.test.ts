import { expect, test } from 'vitest';
import type { Inspection } from '../../src/daemon/inspection.ts';
import { RunControl, type RunStarter } from '../../src/daemon/run-control.ts';
import { silentLog } from '../../src/platform/log.ts';

/** Runs by number, as far as their control looks at them. */
function control(startsBy: RunStarter) {
  const ends: string[] = [];
  let number = 0;
  const inspection = {
    current: null as { readonly id: string } | null,
    begin() {
      if (inspection.current === null) {
        number += 1;
        inspection.current = { id: String(number) };
      }
      return inspection.current;
    },
    end(why: string) {
      if (inspection.current !== null) ends.push(`${inspection.current.id} ${why}`);
      inspection.current = null;
    },
  };
  return { runs: new RunControl(inspection as unknown as Inspection, startsBy, silentLog()), ends };
}

test('the camera begins the run; after a stop on request it begins none, a request does', () => {
  const { runs, ends } = control('camera');
  runs.cameraStreams();
  expect(runs.current?.id).toBe('1');
  expect(runs.start()).toMatchObject({ began: false, run: { id: '1' } });
  expect(runs.stop()?.id).toBe('1');
  expect(runs.startsBy).toBe('request');
  runs.cameraStreams();
  expect(runs.current).toBeNull();
  expect(runs.stop()).toBeNull();
  expect(runs.start()).toMatchObject({ began: true, run: { id: '2' } });
  expect(ends).toEqual(['1 requested']);
});

test('configured to begin on request, the camera begins none', () => {
  const { runs } = control('request');
  runs.cameraStreams();
  expect(runs.current).toBeNull();
  expect(runs.start().began).toBe(true);
});
