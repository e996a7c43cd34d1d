import { readFile } from 'node:fs/promises';
import { SpectaError, systemCode } from '../../platform/errors.ts';

/** The files of ONNX Runtime that are mapped into this process, by any of its threads. */
async function mappedRuntimes(): Promise<string[]> {
  let maps: string;
  try {
    maps = await readFile('/proc/self/maps', 'utf8');
  } catch (error) {
    // Without /proc nothing is known; the loader then decides.
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
  const files = maps.split('\n').flatMap((line) => /\s(\/\S*libonnxruntime\.so\S*)/.exec(line)?.[1] ?? []);
  return [...new Set(files)];
}

/**
 * Throws `ENGINE_FAILED` when another ONNX Runtime than `wanted` is loaded already: the loader would give the second
 * one the first one's functions, which are of another version.
 * @param wanted tells the file that is about to be loaded from its real path
 */
export async function refuseSecondRuntime(wanted: (file: string) => boolean): Promise<void> {
  const other = (await mappedRuntimes()).find((file) => !wanted(file));
  if (other === undefined) return;
  throw new SpectaError(
    'ENGINE_FAILED',
    `Another ONNX Runtime is loaded in this process already: ${other}.`,
    'Use one kind of engine and one library for the life of the process: restart SPECTA to change it.',
  );
}
