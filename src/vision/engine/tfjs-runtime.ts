import { createRequire } from 'node:module';
import { join } from 'node:path';
import util from 'node:util';
import { SpectaError } from '../../platform/errors.ts';
import { messageOf, providerAbsent } from './engine-errors.ts';

/** What of TensorFlow.js SPECTA uses. */
export type TensorFlow = Pick<
  typeof import('@tensorflow/tfjs-core'),
  'io' | 'ready' | 'setBackend' | 'getBackend' | 'backend' | 'tensor4d'
> &
  Pick<typeof import('@tensorflow/tfjs-layers'), 'loadLayersModel'>;

/** A TensorFlow.js that computes, and on what. */
export interface TensorFlowRuntime {
  readonly tf: TensorFlow;
  /** `cuda` (libtensorflow on a GPU), `cpu` (libtensorflow), `wasm`. */
  readonly provider: string;
  /** Package and version. */
  readonly name: string;
}

/** Providers of the `tfjs` engine, the first that works when none is asked for. */
export const TFJS_PROVIDERS: readonly string[] = ['cuda', 'cpu', 'wasm'];

const GPU_PACKAGE = '@tensorflow/tfjs-node-gpu';
const CPU_PACKAGE = '@tensorflow/tfjs-node';

/**
 * tfjs-node 4.22 asks for a function that Node 23 took out of `util`: without it the first operation throws. Must stand
 * before the package is loaded.
 */
function restoreIsNullOrUndefined(): void {
  if ('isNullOrUndefined' in util) return;
  Object.assign(util, { isNullOrUndefined: (value: unknown) => value === null || value === undefined });
}

/** What loads packages as from SPECTA's own files, or from a folder beside its `node_modules`. */
function packagesOf(folder: string | null): NodeJS.Require {
  return createRequire(folder === null ? import.meta.url : join(folder, 'index.js'));
}

function versionOf(require: NodeJS.Require, packageName: string): string {
  const { version }: { version: string } = require(`${packageName}/package.json`);
  return version;
}

/** tfjs-node or tfjs-node-gpu over its libtensorflow. Throws what loading throws. */
async function throughLibtensorflow(
  packageName: string,
  require: NodeJS.Require,
): Promise<TensorFlowRuntime> {
  restoreIsNullOrUndefined();
  const tf: TensorFlow = require(packageName);
  await tf.ready();
  if (tf.getBackend() !== 'tensorflow') throw new Error(`its backend is ${tf.getBackend()}, not tensorflow`);
  const backend = tf.backend();
  const onGpu = 'isUsingGpuDevice' in backend && backend.isUsingGpuDevice === true;
  return { tf, provider: onGpu ? 'cuda' : 'cpu', name: `${packageName} ${versionOf(require, packageName)}` };
}

/** WebAssembly, on the thread that calls: its own threads do not work in Node. */
async function throughWebAssembly(): Promise<TensorFlowRuntime> {
  const require = packagesOf(null);
  const core: typeof import('@tensorflow/tfjs-core') = require('@tensorflow/tfjs-core');
  const layers: typeof import('@tensorflow/tfjs-layers') = require('@tensorflow/tfjs-layers');
  require('@tensorflow/tfjs-backend-wasm');
  if (!(await core.setBackend('wasm'))) throw new Error('its backend does not start');
  await core.ready();
  const tf: TensorFlow = { ...core, loadLayersModel: layers.loadLayersModel };
  return {
    tf,
    provider: 'wasm',
    name: `@tensorflow/tfjs-backend-wasm ${versionOf(require, '@tensorflow/tfjs-backend-wasm')}`,
  };
}

interface Way {
  readonly name: string;
  /** What it may turn out to compute on. */
  readonly providers: readonly string[];
  readonly start: (packages: NodeJS.Require) => Promise<TensorFlowRuntime>;
}

/** In the order in which they are tried. */
const WAYS: readonly Way[] = [
  {
    name: GPU_PACKAGE,
    providers: ['cuda', 'cpu'],
    start: (packages) => throughLibtensorflow(GPU_PACKAGE, packages),
  },
  { name: CPU_PACKAGE, providers: ['cpu'], start: (packages) => throughLibtensorflow(CPU_PACKAGE, packages) },
  { name: 'WebAssembly', providers: ['wasm'], start: throughWebAssembly },
];

/**
 * Loads TensorFlow.js: tfjs-node-gpu, else tfjs-node, else WebAssembly, and tells on what it computes.
 * @param asked one of {@link TFJS_PROVIDERS}, or null for the first that works
 * @param packages the folder in whose `node_modules` the first two are looked for; null: SPECTA's own
 * Throws `PROVIDER_ABSENT` with the reason of each way that was tried.
 */
export async function startTensorFlow(
  asked: string | null,
  packages: string | null,
): Promise<TensorFlowRuntime> {
  if (asked !== null && !TFJS_PROVIDERS.includes(asked)) {
    throw providerAbsent(asked, TFJS_PROVIDERS, 'TensorFlow.js is not offered on it');
  }
  const found = packagesOf(packages);
  const reasons: string[] = [];
  for (const { name, providers, start } of WAYS) {
    if (asked !== null && !providers.includes(asked)) continue;
    try {
      const runtime = await start(found);
      if (asked === null || runtime.provider === asked) return runtime;
      reasons.push(`${name}: it runs on ${runtime.provider}`);
    } catch (error) {
      reasons.push(`${name}: ${messageOf(error)}`);
    }
    // A second libtensorflow beside one that is loaded is not tried.
    if (nativeIsLoaded(found)) break;
  }
  throw new SpectaError(
    'PROVIDER_ABSENT',
    `TensorFlow.js does not run${asked === null ? '' : ` on ${asked}`} (${reasons.join('; ')}).`,
    'On a Jetson, device/install-tfjs-gpu.sh installs it; for WebAssembly install SPECTA with its optional dependencies; or use engine kind onnx.',
  );
}

/** Whether an addon of tfjs-node has been loaded by this thread. */
function nativeIsLoaded(require: NodeJS.Require): boolean {
  return Object.keys(require.cache).some((file) => file.endsWith('tfjs_binding.node'));
}
