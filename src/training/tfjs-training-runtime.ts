import { createRequire } from 'node:module';
import { join } from 'node:path';
import { SpectaError } from '../platform/errors.ts';
import { startTensorFlow } from '../vision/engine/tfjs-runtime.ts';

/** What of TensorFlow.js training uses. */
export type TrainingTensorFlow = typeof import('@tensorflow/tfjs-core') &
  Pick<typeof import('@tensorflow/tfjs-layers'), 'layers' | 'sequential' | 'Sequential'>;

/** Backends written in JavaScript or WebAssembly: slow, and only where they are asked for. */
export const TFJS_BACKENDS = ['cpu', 'wasm'] as const;
export type TfjsBackend = (typeof TFJS_BACKENDS)[number];

/** A TensorFlow.js that trains. */
export interface TrainingRuntime {
  readonly tf: TrainingTensorFlow;
  /** Package, version and what it computes on. */
  readonly name: string;
}

/**
 * tfjs-node-gpu, else tfjs-node; with `backend` that one instead, for small networks and where there is no libtensorflow.
 * @param packages the folder in whose `node_modules` the first two are looked for; null: SPECTA's own
 * Throws `PROVIDER_ABSENT` with the reason of each way that was tried.
 */
export async function startTrainingRuntime(
  backend: TfjsBackend | null,
  packages: string | null,
): Promise<TrainingRuntime> {
  return backend === null ? throughLibtensorflow(packages) : throughBackend(backend);
}

async function throughLibtensorflow(packages: string | null): Promise<TrainingRuntime> {
  const reasons: string[] = [];
  for (const provider of ['cuda', 'cpu']) {
    try {
      const { name } = await startTensorFlow(provider, packages);
      const require = createRequire(packages === null ? import.meta.url : join(packages, 'index.js'));
      const tf: TrainingTensorFlow = require(name.split(' ')[0]);
      return { tf, name: `${name} on ${provider}` };
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new SpectaError(
    'PROVIDER_ABSENT',
    `TensorFlow.js cannot train over libtensorflow: ${reasons.join(' ')}`,
    'Install @tensorflow/tfjs-node or tfjs-node-gpu (device/install-tfjs-gpu.sh on a Jetson), ask for the slow backend in plain JavaScript with --tfjs-backend cpu, or train without --trainer tfjs.',
  );
}

async function throughBackend(backend: TfjsBackend): Promise<TrainingRuntime> {
  const require = createRequire(import.meta.url);
  const packageName = `@tensorflow/tfjs-backend-${backend}`;
  try {
    const core: typeof import('@tensorflow/tfjs-core') = require('@tensorflow/tfjs-core');
    // For its side effect too: it registers the gradients of the operators.
    const layers: typeof import('@tensorflow/tfjs-layers') = require('@tensorflow/tfjs-layers');
    require(packageName);
    if (!(await core.setBackend(backend))) throw new Error('its backend does not start');
    await core.ready();
    const { version }: { version: string } = require(`${packageName}/package.json`);
    return { tf: { ...core, ...layers }, name: `${packageName} ${version}` };
  } catch (error) {
    throw new SpectaError(
      'PROVIDER_ABSENT',
      `TensorFlow.js does not train on ${backend}: ${error instanceof Error ? error.message : String(error)}`,
      `Install ${packageName} beside @tensorflow/tfjs-layers, both of one version.`,
      error,
    );
  }
}
