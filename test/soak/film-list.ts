import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dice } from '../faults/dice.ts';
import { drawJpeg, type Scene } from '../fixtures/pictures.ts';

/** As the tiny network sees them: nothing is resized, and a frame costs little. */
const SIDE = 64;
/** Pictures of each scene that differ in their grain, so that none is `frozen`. */
const ROLL = 40;
const DEFECTS: readonly Scene[] = ['crack', 'rust', 'crack-in-rust'];
const BLIND: readonly Scene[] = ['dark', 'hazy'];

/**
 * Draws pictures of each scene into `folder`/pictures and writes `folder`/film.txt: a film of at least `frames` frames in
 * which a defect comes into view every some hundred frames, and now and then the water is dark or hazy.
 *
 * @returns the list's path, and the folder without which no picture of it can be read
 */
export async function writeFilm(
  folder: string,
  frames: number,
  dice: Dice,
): Promise<{ readonly list: string; readonly pictures: string }> {
  const pictures = join(folder, 'pictures');
  await mkdir(pictures, { recursive: true });
  for (const scene of ['sound', ...DEFECTS, ...BLIND] as const) {
    for (let number = 0; number < ROLL; number += 1) {
      const jpeg = drawJpeg(scene, { width: SIDE, height: SIDE, seed: number + 1 });
      await writeFile(join(pictures, `${scene}-${number}.jpg`), jpeg);
    }
  }
  const lines: string[] = [];
  const shoot = (scene: Scene, length: number): void => {
    for (let left = length; left > 0; left -= 1) {
      lines.push(`pictures/${scene}-${lines.length % ROLL}.jpg`);
    }
  };
  while (lines.length < frames) {
    shoot('sound', Math.round(dice.between(100, 260)));
    if (dice.chance(0.2)) shoot(dice.chance(0.5) ? 'dark' : 'hazy', Math.round(dice.between(10, 60)));
    shoot(DEFECTS[Math.floor(dice.between(0, DEFECTS.length))], Math.round(dice.between(6, 24)));
  }
  const list = join(folder, 'film.txt');
  await writeFile(list, `${lines.join('\n')}\n`);
  return { list, pictures };
}
