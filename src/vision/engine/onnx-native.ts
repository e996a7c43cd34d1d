import { type Engine, type EngineOptions, pixelsOf } from './engine.ts';
import { engineClosed, messageOf, providerAbsent, runFailed } from './engine-errors.ts';
import { rehearse } from './inspect-library.ts';
import { type NativeRequest, type NativeSession, openNativeSession } from './native-session.ts';
import { OrtLibrary } from './ort-library.ts';
import { refuseSecondRuntime } from './runtimes-in-process.ts';
import { libraryUnusable, realLibrary } from './shared-library.ts';

/** Providers whose entry points SPECTA knows. */
export const NATIVE_PROVIDERS: readonly string[] = ['cpu', 'cuda', 'tensorrt'];

/**
 * The network on the ONNX Runtime of a shared library, through its C API: the way to the GPU of a Jetson. Tried first
 * in a process of its own, then loaded here and run once. Its `run` blocks the calling thread, which must be one where
 * koffi has loaded nothing yet: use it in a worker.
 * Throws `RUNTIME_UNSUPPORTED` for the library, `PROVIDER_ABSENT`, `BUNDLE_NOT_SERVABLE`, `ENGINE_FAILED`, or the
 * signal's reason.
 */
export async function createNativeEngine(options: EngineOptions, signal?: AbortSignal): Promise<Engine> {
  const {
    modelFile,
    provider,
    threads,
    providerOptions = {},
    cacheFolder = null,
    modelDigest = '',
    pictures = 1,
  } = options;
  if (!options.library) throw libraryUnusable('(none)', 'none is named');
  const request: NativeRequest = {
    ...{ modelFile, provider, threads, providerOptions, pictures },
    ...{ cacheFolder, modelDigest },
  };
  if (!NATIVE_PROVIDERS.includes(provider)) {
    throw providerAbsent(provider, NATIVE_PROVIDERS, 'SPECTA does not know it');
  }
  const path = await realLibrary(options.library);
  await refuseSecondRuntime((file) => file === path);
  await rehearse(path, request, signal);

  const library = new OrtLibrary(path);
  let native: NativeSession;
  try {
    library.start();
    native = openNativeSession(library, request);
  } catch (error) {
    library.close();
    throw error;
  }
  const { session, input, outputs } = native;
  const pixels = pixelsOf(input);
  let closed = false;
  return {
    kind: 'onnx-native',
    provider,
    runtime: `ONNX Runtime ${library.version} (${path})`,
    input,
    outputs,

    async run(values) {
      if (closed) throw engineClosed();
      if (values.length !== pixels) {
        throw runFailed(provider, `the input has ${values.length} values, not ${pixels}`);
      }
      try {
        return session.run(values);
      } catch (error) {
        throw runFailed(provider, messageOf(error), error);
      }
    },

    async close() {
      if (closed) return;
      closed = true;
      session.close();
      library.close();
    },
  };
}
