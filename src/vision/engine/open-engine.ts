import { join } from 'node:path';
import type { Bundle } from '../../domain/manifest.ts';
import { pictureCount } from '../tiles.ts';
import type { Engine, EngineChoice } from './engine.ts';

/** The path of the network in a bundle. */
const NETWORK = 'model.onnx';

/**
 * Opens the bundle's network on the engine asked for. Of the engines only that one is loaded. Throws what it throws, or
 * the signal's reason.
 */
export async function openEngine(
  bundle: Pick<Bundle, 'folder' | 'digest' | 'manifest'>,
  choice: EngineChoice,
  signal?: AbortSignal,
): Promise<Engine> {
  const { engine = 'onnx', provider } = choice;
  const pictures = pictureCount(bundle.manifest);
  if (engine === 'tfjs') {
    const { createTfjsEngine } = await import('./tfjs.ts');
    return createTfjsEngine({ folder: bundle.folder, provider, packages: choice.library ?? null, pictures });
  }
  const options = {
    ...choice,
    provider: provider ?? 'cpu',
    modelFile: join(bundle.folder, NETWORK),
    modelDigest: bundle.digest,
    pictures,
  };
  if (engine === 'onnx-native') {
    const { createNativeEngine } = await import('./onnx-native.ts');
    return createNativeEngine(options, signal);
  }
  const { createOnnxEngine } = await import('./onnx.ts');
  return createOnnxEngine(options);
}
