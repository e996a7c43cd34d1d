import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { drawJpeg, type Scene } from '../fixtures/pictures.ts';

/** Small, so that drawing them costs little; the network looks at 64x64. */
const SIZE = { width: 160, height: 120 } as const;

/** A stretch of a film: so many frames of one scene. */
export type Shot = readonly [scene: Scene, frames: number];

/** One frame of a scene; frames of different numbers differ in their grain, so that none is `frozen`. */
export function drawFrame(scene: Scene, number: number): Uint8Array<ArrayBuffer> {
  return drawJpeg(scene, { ...SIZE, seed: number + 1 });
}

/** Writes a film into a new folder, one JPEG a frame, named so that their order is that of the shots. */
export async function shootFilm(folder: string, shots: readonly Shot[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  let number = 0;
  for (const [scene, frames] of shots) {
    for (let left = frames; left > 0; left -= 1) {
      number += 1;
      await writeFile(
        join(folder, `${String(number).padStart(5, '0')}-${scene}.jpg`),
        drawFrame(scene, number),
      );
    }
  }
  return folder;
}
