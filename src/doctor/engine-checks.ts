import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Config } from '../daemon/config.ts';
import { systemCode } from '../platform/errors.ts';
import { inspectLibrary } from '../vision/engine/inspect-library.ts';
import type { DaemonSight } from './daemon-sight.ts';
import { bad, type Check, type CheckResult, good, warning } from './examination.ts';

/** Where a libonnxruntime of the system, or of a JetPack user, usually lies. */
const LIBRARY_FOLDERS = [
  '/opt/onnxruntime/lib',
  '/usr/local/lib',
  '/usr/local/lib/onnxruntime',
  '/usr/lib',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
] as const;

/** The ONNX Runtime library that `onnx-native` is to use, or those that are here for it. */
export function libraryCheck(config: Config | null): Check {
  return {
    name: 'library',
    async look(signal) {
      const engine = config?.engine;
      if (engine?.kind === 'onnx-native' && engine.library !== null)
        return [await described(engine.library, engine.provider, signal)];
      const found = LIBRARY_FOLDERS.flatMap(librariesIn);
      if (found.length === 0)
        return [good('library', 'no libonnxruntime here; the engine onnx brings its own')];
      const [first] = found;
      return [
        good('library', `${found.join(', ')}: to use it, engine: { kind: onnx-native, library: ${first} }`),
      ];
    },
  };
}

async function described(path: string, provider: string | null, signal: AbortSignal): Promise<CheckResult> {
  const { version, providers, path: real } = await inspectLibrary(path, signal);
  const found = `ONNX Runtime ${version} at ${real}, compiled with ${providers.join(', ')}`;
  const wanted = provider ?? 'cpu';
  if (providers.includes(wanted)) return good('library', found);
  return bad(
    'library',
    `${found}; not with ${wanted}`,
    `Name a library with ${wanted}, or another engine.provider.`,
  );
}

function librariesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name === 'libonnxruntime.so')
      .map((name) => join(folder, name));
  } catch (error) {
    if (systemCode(error) !== undefined) return [];
    throw error;
  }
}

/** The ways of TensorFlow.js that are installed, in the order in which the engine `tfjs` tries them. Nothing is loaded. */
export function tensorflowCheck(config: Config | null): Check {
  return {
    name: 'tfjs',
    async look() {
      const ways = [
        { name: 'tfjs-node-gpu', path: '@tensorflow/tfjs-node-gpu' },
        { name: 'tfjs-node', path: '@tensorflow/tfjs-node' },
        { name: 'WebAssembly', path: '@tensorflow/tfjs-backend-wasm' },
      ];
      const there = ways.filter(({ path }) => isInstalled(path)).map(({ name }) => name);
      const isWanted = config?.engine.kind === 'tfjs';
      if (there.length === 0) {
        return isWanted
          ? [
              bad(
                'tfjs',
                'no TensorFlow.js is installed',
                'Run npm ci without --omit=optional, or set engine.kind: onnx.',
              ),
            ]
          : [good('tfjs', 'not installed, and not needed')];
      }
      if (isWanted && config.engine.provider === 'cuda' && !there.includes('tfjs-node-gpu')) {
        const todo =
          'sudo device/install-tfjs-gpu.sh builds it against JetPack; docs/hardware.md says what it needs.';
        return [warning('tfjs', `${there.join(', ')}; not tfjs-node-gpu, which cuda needs`, todo)];
      }
      return [good('tfjs', `installed: ${there.join(', ')}`)];
    },
  };
}

function isInstalled(name: string): boolean {
  const require = createRequire(import.meta.url);
  return (require.resolve.paths(name) ?? []).some((folder) => existsSync(join(folder, name, 'package.json')));
}

/** What the running daemon's engine is; null where it has to be tried. */
export function engineOfDaemon(daemon: DaemonSight): CheckResult | null {
  if (daemon.kind !== 'answers') return null;
  const { engine, model } = daemon.facts;
  const of = `${model.name} ${model.version}`;
  if (engine !== null)
    return good('engine', `${engine.kind} on ${engine.provider} runs in the daemon: ${of}`);
  const status = daemon.facts.parts.find(({ part }) => part === 'engine');
  const found = `none runs in the daemon (${of}): ${status?.reason ?? 'it is still being started'}`;
  return bad('engine', found, 'Look at memory and temperature, and at the log of the daemon.');
}
