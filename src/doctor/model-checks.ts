import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import { openBundle } from '../model/bundle.ts';
import { listBundles } from '../model/bundle-versions.ts';
import type { EngineChoice } from '../vision/engine/engine.ts';
import { startVision } from '../vision/vision.ts';
import type { DaemonSight } from './daemon-sight.ts';
import { engineOfDaemon } from './engine-checks.ts';
import { bad, type Check, type CheckResult, failed, good } from './examination.ts';

/** Every bundle in the models folder is whole. */
export function modelsCheck(folder: string): Check {
  return {
    name: 'model',
    async look() {
      const results: CheckResult[] = [];
      for (const nameAtVersion of await listBundles(folder)) {
        try {
          const { manifest, digest } = await openBundle(join(folder, ...nameAtVersion.split('@')));
          const classes = manifest.classes.join(', ');
          const found = `${nameAtVersion} (${classes}), every file as its manifest says, ${digest.slice(0, 12)}`;
          results.push(good('model', found));
        } catch (error) {
          results.push(failed('model', error));
        }
      }
      return results.length > 0
        ? results
        : [bad('model', `no bundle in ${folder}`, 'Reinstall SPECTA or name another models folder.')];
    },
  };
}

/**
 * The engine asked for loads the bundle, on its provider, and gets the golden inputs right.
 *
 * @param open the bundle that would serve
 */
export function engineCheck(open: () => Promise<Bundle>, choice: EngineChoice, daemon: DaemonSight): Check {
  return {
    name: 'engine',
    async look(signal) {
      // A second one beside the daemon's may not find room on a GPU, and would prove nothing more.
      const running = engineOfDaemon(daemon);
      if (running !== null) return [running];
      const bundle = await open();
      const begin = performance.now();
      const vision = await startVision({ bundle, ...choice, signal });
      const ms = performance.now() - begin;
      await vision.close();
      const { engine, name, version } = vision.model;
      const golden = bundle.manifest.golden.length;
      return [
        good(
          'engine',
          `${engine} on ${vision.model.provider}: ${name} ${version}, ${golden} golden inputs right, ready in ${ms.toFixed(0)} ms`,
        ),
      ];
    },
  };
}
