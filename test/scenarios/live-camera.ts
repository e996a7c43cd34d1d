import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scene } from '../fixtures/pictures.ts';
import { drawFrame } from './film.ts';

const ACTOR = fileURLToPath(new URL('./live-camera.mjs', import.meta.url));
const SCENES: readonly Scene[] = ['sound', 'crack', 'rust', 'crack-in-rust', 'dark'];
const ROLL = 4;
const PERIOD_MS = 40;

/** What a live camera can be told to see: a scene, `nothing` (it hangs) or `broken` (its process ends). */
export type Sight = Scene | 'nothing' | 'broken';

/** A camera in the hands of the test: it sees what it was told last, so that no test depends on timing. */
export class LiveCamera {
  readonly uri: string;
  private readonly folder: string;

  private constructor(folder: string, heeds: boolean) {
    this.folder = folder;
    this.uri = `command:'${process.execPath}' '${ACTOR}' '${folder}' ${PERIOD_MS}${heeds ? '' : ' deaf'}`;
  }

  /** @param heeds whether its process ends on SIGTERM */
  static async in(folder: string, first: Sight = 'sound', heeds = true): Promise<LiveCamera> {
    await mkdir(folder, { recursive: true });
    for (const scene of SCENES) {
      for (let number = 0; number < ROLL; number += 1) {
        await writeFile(join(folder, `${scene}-${number}.jpg`), drawFrame(scene, number));
      }
    }
    const camera = new LiveCamera(folder, heeds);
    await camera.show(first);
    return camera;
  }

  /** From the next frame on. */
  async show(sight: Sight): Promise<void> {
    const file = join(this.folder, 'scene');
    await writeFile(`${file}.new`, sight);
    await rename(`${file}.new`, file);
  }
}
