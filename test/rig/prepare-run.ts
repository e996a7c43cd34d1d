// Runs on the host before the boot: renders the rig's run and makes its bundle, which in the guest would take minutes.
//   node test/rig/prepare-run.ts FOLDER
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { planRun } from '../../src/footage/plan-run.ts';
import { renderRun } from '../../src/footage/render-run.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { RIG_RUN } from './run-of-rig.ts';

/** The run is darker than the pictures that the tiny network is made for: its shadows are no rust. */
const RUST_BELOW = 0.12;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder?');
await mkdir(join(folder, 'bundle'), { recursive: true });
await makeTinyBundle(join(folder, 'bundle'), RUST_BELOW);
const { frames } = await renderRun(planRun(RIG_RUN), join(folder, 'run'));
console.log(`rendered ${frames} frames of ${RIG_RUN.width}x${RIG_RUN.height}`);
