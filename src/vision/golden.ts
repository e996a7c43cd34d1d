import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bundle, Golden, Manifest } from '../domain/manifest.ts';
import type { Probabilities } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { createLumaDecoder, type DecodeLimits } from './decode.ts';
import type { Engine } from './engine/engine.ts';
import { createPlaneJudge } from './plane-judge.ts';
import { labelOf } from './probabilities.ts';
import { stillFormatOf } from './still.ts';
import { pictureCount } from './tiles.ts';

/** A still picture's bytes as the decoder wants them; a format nobody reads stays `jpeg`, and decoding says so. */
export function pictureOfStill(data: Uint8Array<ArrayBuffer>): {
  readonly format: 'jpeg' | 'encoded';
  readonly range: 'full';
  readonly width: 0;
  readonly height: 0;
  readonly stride: 0;
  readonly data: Uint8Array<ArrayBuffer>;
} {
  return { format: stillFormatOf(data) ?? 'jpeg', range: 'full', width: 0, height: 0, stride: 0, data };
}

function mismatch(message: string): SpectaError {
  return new SpectaError(
    'GOLDEN_MISMATCH',
    message,
    'This provider computes something else than the model was proved with: use provider cpu, or another bundle.',
  );
}

function compare(golden: Golden, found: Probabilities, manifest: Manifest, tolerance: number): void {
  for (const name of manifest.classes) {
    const expected = golden.expected[name];
    const actual = found[name];
    if (expected === undefined || actual === undefined) {
      throw mismatch(`Golden input ${golden.file}: no probability of ${name} to compare.`);
    }
    if (Math.abs(expected - actual) > tolerance) {
      throw mismatch(
        `Golden input ${golden.file}: ${name} is ${actual.toFixed(6)}, expected ${expected.toFixed(6)} within ${tolerance}.`,
      );
    }
  }
  const expectedLabel = labelOf(golden.expected, manifest);
  const label = labelOf(found, manifest);
  if (label !== expectedLabel) {
    throw mismatch(`Golden input ${golden.file}: the label is ${label}, expected ${expectedLabel}.`);
  }
}

/**
 * Proves the engine on the bundle's golden inputs: every probability within the provider's tolerance, every label
 * equal. Quality gates are not asked: this is about the network. Throws `GOLDEN_MISMATCH`, and
 * `BUNDLE_NOT_SERVABLE` when the manifest states no tolerance for the engine's provider.
 */
export async function checkGoldenInputs(bundle: Bundle, engine: Engine, limits: DecodeLimits): Promise<void> {
  const { manifest, folder } = bundle;
  const tolerance = manifest.tolerances[engine.provider];
  if (tolerance === undefined) {
    throw new SpectaError(
      'BUNDLE_NOT_SERVABLE',
      `Bundle ${manifest.name}@${manifest.version} states no tolerance for provider ${engine.provider}.`,
      `Use one of: ${Object.keys(manifest.tolerances).join(', ')}.`,
    );
  }
  const judge = createPlaneJudge(manifest, engine);
  const decoder = createLumaDecoder(limits, manifest.preprocessing.channels);
  for (const golden of manifest.golden) {
    const bytes = new Uint8Array(await readFile(join(folder, golden.file)));
    const plane = await decoder.decode(pictureOfStill(bytes));
    const { probabilities } = await judge(plane);
    compare(golden, probabilities, manifest, tolerance);
  }
}

/** Throws `BUNDLE_NOT_SERVABLE` when the network's input or outputs are not those the manifest states. */
export function checkNetworkFits(manifest: Manifest, engine: Engine): void {
  const { input, output } = manifest;
  const pictures = pictureCount(manifest);
  const wanted = [pictures, input.channels, input.height, input.width];
  const outputs = pictures * output.classes.length;
  const reasons = [
    ...(wanted.every((side, index) => side === engine.input[index])
      ? []
      : [`its input is [${engine.input.join(', ')}], the manifest says [${wanted.join(', ')}]`]),
    ...(engine.outputs === outputs
      ? []
      : [`it has ${engine.outputs} outputs, the manifest names ${outputs}`]),
  ];
  if (reasons.length === 0) return;
  throw new SpectaError(
    'BUNDLE_NOT_SERVABLE',
    `The network of ${manifest.name}@${manifest.version} does not fit its manifest: ${reasons.join('; ')}.`,
    'Export the bundle again.',
  );
}
