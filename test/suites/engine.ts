import { expect, test } from 'vitest';
import type { Engine } from '../../src/vision/engine/engine.ts';

/**
 * What every kind of engine must do.
 * @param name of the kind
 * @param open gives an engine on the tiny network of `fixtures/tiny-bundle.ts`; called anew for each test
 */
export function engineSuite(name: string, open: () => Promise<Engine>): void {
  const pixels = (engine: Engine): number => engine.input[1] * engine.input[2] * engine.input[3];

  test(`${name}: tells the network's shape and the provider that runs`, async () => {
    const engine = await open();
    expect(engine.input).toEqual([1, 1, 64, 64]);
    expect(engine.outputs).toBe(2);
    expect(name).toContain(engine.kind);
    expect(['cpu', 'cuda', 'tensorrt', 'wasm']).toContain(engine.provider);
    expect(engine.runtime).toMatch(/\d+\.\d+\.\d+/);
    await engine.close();
  });

  test(`${name}: gives the same logits for the same input, and others for another`, async () => {
    const engine = await open();
    const bright = new Float32Array(pixels(engine)).fill(0.8);
    const dark = new Float32Array(pixels(engine)).fill(0.1);
    const first = Float32Array.from(await engine.run(bright));
    const other = Float32Array.from(await engine.run(dark));
    const again = Float32Array.from(await engine.run(bright));
    expect(first).toHaveLength(engine.outputs);
    expect([...again]).toEqual([...first]);
    expect([...other]).not.toEqual([...first]);
    await engine.close();
  });

  test(`${name}: computes what the network says`, async () => {
    const engine = await open();
    // Broad darkness of 0.1 is 0.35 below the limit of 0.45; no line anywhere.
    const [corrosion, crack] = await engine.run(new Float32Array(pixels(engine)).fill(0.1));
    expect(corrosion).toBeCloseTo(45 * 0.35 - 4, 3);
    expect(crack).toBeCloseTo(-4, 3);
    await engine.close();
  });

  test(`${name}: what a run gave stays as it was when the next one runs`, async () => {
    const engine = await open();
    const first = await engine.run(new Float32Array(pixels(engine)).fill(0.8));
    const kept = [...first];
    await engine.run(new Float32Array(pixels(engine)).fill(0.1));
    expect([...first]).toEqual(kept);
    await engine.close();
  });

  test(`${name}: finds a line wherever in the picture it is`, async () => {
    const engine = await open();
    const [, , height, width] = engine.input;
    // One dark pixel column, moved: rows and columns must not be mistaken for each other.
    const withLine = (place: number, upright: boolean): Float32Array<ArrayBuffer> =>
      Float32Array.from({ length: pixels(engine) }, (_, index) =>
        (upright ? index % width : Math.floor(index / width)) === place ? 0 : 1,
      );
    for (const place of [5, 40, width - 6]) {
      const [, upright] = await engine.run(withLine(place, true));
      const [, level] = await engine.run(withLine(Math.min(place, height - 6), false));
      expect(upright).toBeCloseTo(12 * (2 - 0.15) - 4, 3);
      expect(level).toBeCloseTo(-4, 3);
    }
    await engine.close();
  });

  test(`${name}: values that are no numbers come out as such, and the next frame is judged`, async () => {
    const engine = await open();
    const bad = await engine.run(new Float32Array(pixels(engine)).fill(Number.NaN));
    expect(bad).toHaveLength(engine.outputs);
    const [corrosion] = await engine.run(new Float32Array(pixels(engine)).fill(0.1));
    expect(corrosion).toBeCloseTo(45 * 0.35 - 4, 3);
    await engine.close();
  });

  test(`${name}: leaves the input as it was`, async () => {
    const engine = await open();
    const input = Float32Array.from({ length: pixels(engine) }, (_, index) => (index % 7) / 7);
    const before = Float32Array.from(input);
    await engine.run(input);
    expect([...input]).toEqual([...before]);
    await engine.close();
  });

  test(`${name}: an input of the wrong size is ENGINE_FAILED, and the next frame is judged`, async () => {
    const engine = await open();
    await expect(engine.run(new Float32Array(10))).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    await expect(engine.run(new Float32Array(pixels(engine)))).resolves.toHaveLength(engine.outputs);
    await engine.close();
  });

  test(`${name}: closes twice without harm, and does not run afterwards`, async () => {
    const engine = await open();
    await engine.close();
    await engine.close();
    await expect(engine.run(new Float32Array(pixels(engine)))).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
    });
  });
}
