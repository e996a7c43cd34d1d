import { DEMO_RUN } from '../../src/footage/demo-run.ts';
import type { RunOptions } from '../../src/footage/run-plan.ts';

/** Where the guest finds what `prepare-run.ts` left: pictures with truth.jsonl, and the bundle. */
export const PREPARED = { run: '/share/run', bundle: '/share/bundle' } as const;

/** Seconds of the run at which the middle of a crack passes. */
export const CRACKS_AT = [3, 8, 13, 18];

/**
 * The inspection that comes out of the rig's camera: the demo's pipe with a clear crack every five seconds and sound
 * pipe between. Small and slow, because there the way of a frame costs some fifty times what it does on a board.
 */
export const RIG_RUN: RunOptions = {
  ...DEMO_RUN,
  seconds: 20,
  rate: 5,
  width: 384,
  height: 216,
  script: CRACKS_AT.map((at) => ({
    at,
    item: 'crack',
    s: 0.01,
    length: 0.6,
    width: 0.015,
    direction: 0.3,
    branches: 3,
  })),
};
