import { join } from 'node:path';
import { planRun } from './plan-run.ts';
import { type RenderOptions, renderRun } from './render-run.ts';
import { digestOf } from './run-folder.ts';
import { RENDERER_VERSION, type RunOptions } from './run-plan.ts';

/**
 * The standard inspection that `npm start` shows, 40 s at 10 frames a second: sound pipe, a corrosion patch, a clear
 * crack, a crack in rust, fittings and growth, a silt cloud, sound pipe to the end.
 */
export const DEMO_RUN: RunOptions = {
  seed: 2026,
  seconds: 40,
  rate: 10,
  width: 640,
  height: 360,
  scene: 'concrete',
  turbidity: 0.1,
  speed: 0.24,
  view: { angle: -0.12, distance: 0.66, ahead: 0.32, turn: 0.12, field: 1.15, sway: 1 },
  water: { daylight: 0, particles: 240 },
  sensor: { exposure: 0.55, whiteBalance: 0.8, noise: 1.8, blur: 0.35, leftLamp: 0.56 },
  surface: { paint: [0.42, 0.4, 0.36], dust: 0.15, fouling: 0.12, rough: 1 },
  pipe: { radius: 0.36, bed: -0.06, bedKind: 'sand' },
  script: [
    { at: 2.5, item: 'growth', form: 'barnacles', s: -0.2, radius: 0.07 },
    {
      at: 8.5,
      item: 'corrosion',
      s: 0.02,
      halfLength: 0.22,
      halfWidth: 0.19,
      pits: 0.35,
      flakes: 0.5,
      ragged: 0.9,
    },
    { at: 16.5, item: 'crack', s: 0.01, length: 0.6, width: 0.011, direction: 0.5, branches: 3 },
    { at: 20.5, item: 'weld' },
    {
      at: 24.5,
      item: 'corrosion',
      s: -0.02,
      halfLength: 0.24,
      halfWidth: 0.2,
      pits: 0.2,
      flakes: 0.4,
      ragged: 0.8,
    },
    { at: 24.5, item: 'crack', s: 0, length: 0.62, width: 0.011, direction: 2.2, branches: 3 },
    { at: 28.8, item: 'anode' },
    { at: 30.8, item: 'growth', form: 'algae', s: 0.16, radius: 0.1 },
    { at: 33.3, item: 'silt', seconds: 2.4 },
    { at: 37, item: 'growth', form: 'worms', s: -0.15, radius: 0.09 },
  ],
};

/**
 * The folder of the demo run below `cacheFolder`, rendered at first use (some 20 s on two cores). The folder's name
 * holds the digest of plan and renderer, so a new version never meets old pictures.
 */
export async function ensureDemoRun(cacheFolder: string, options: RenderOptions = {}): Promise<string> {
  const plan = planRun(DEMO_RUN);
  const folder = join(cacheFolder, `demo-run-${digestOf('run', RENDERER_VERSION, plan).slice(0, 12)}`);
  await renderRun(plan, folder, options);
  return folder;
}
