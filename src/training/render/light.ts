import type { Random } from '../random.ts';
import { type Canvas, noise, shade } from './canvas.ts';

/** Where the light comes from and how strongly relief shows in it. */
export interface Light {
  /** Radians in the picture's plane, towards the light. */
  readonly angle: number;
  /** 0 even .. 2.5 raking. */
  readonly strength: number;
}

export function drawLight(random: Random): Light {
  const raking = random.next() < 0.4;
  return {
    angle: random.between(0, 2 * Math.PI),
    strength: raking ? random.between(1, 2.5) : random.between(0, 1),
  };
}

/** Uneven light over the whole picture, stronger towards the light. */
export function lightUnevenly(canvas: Canvas, light: Light, random: Random): void {
  const { width, height } = canvas;
  const fall = random.between(0, 0.35);
  const blotches = random.between(0, 0.1);
  const cloud = noise(canvas, { across: 0.7, down: 0.7, octaves: 2, gain: 0.5 }, random);
  const [lightX, lightY] = [Math.cos(light.angle), Math.sin(light.angle)];
  const factors = cloud.map((value, at) => {
    const x = ((at % width) + 0.5) / width - 0.5;
    const y = (Math.floor(at / width) + 0.5) / height - 0.5;
    return Math.max(0.3, 1 + fall * (x * lightX + y * lightY) * 1.4 + blotches * value);
  });
  shade(canvas, factors);
}
