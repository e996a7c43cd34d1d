import { fork } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { type ErrorRecord, fromErrorRecord, type SpectaError } from '../../platform/errors.ts';
import { NODE_OPTIONS } from '../../platform/node-options.ts';
import { providerAbsent } from './engine-errors.ts';
import type { ChildAnswer, ChildTask } from './native-child.ts';
import type { NativeRequest } from './native-session.ts';
import { libraryUnusable, realLibrary } from './shared-library.ts';

/** What a libonnxruntime says of itself. */
export interface LibraryReport {
  /** The real path. */
  readonly path: string;
  /** As in `1.27.0`. */
  readonly version: string;
  /** What was compiled in: `cpu`, `cuda`, `tensorrt` and others. Only a checked inference proves that one works. */
  readonly providers: readonly string[];
}

/** Longer than any library takes to load from a slow card. */
const INSPECT_MS = 60_000;

/**
 * Loads the library in a process of its own, so that one that crashes takes nothing else down.
 * Throws `RUNTIME_UNSUPPORTED` with what is wrong with it, or the signal's reason.
 */
export async function inspectLibrary(path: string, signal?: AbortSignal): Promise<LibraryReport> {
  await realLibrary(path);
  return inChild({ library: path, session: null }, INSPECT_MS, signal);
}

/**
 * Does in a process of its own all that the engine will do: load the library, the network on its provider, one
 * inference. A provider's abort takes down that process only, and TensorRT's minutes of building can be cut off.
 * Throws what the engine would throw, `PROVIDER_ABSENT` or `RUNTIME_UNSUPPORTED` where the process died, or the signal's
 * reason.
 */
export async function rehearse(
  library: string,
  session: NativeRequest,
  signal?: AbortSignal,
): Promise<LibraryReport> {
  await realLibrary(library);
  return inChild({ library, session }, null, signal);
}

/** The last line that native code printed, without colours and ONNX Runtime's own prefix; empty when it said nothing. */
function lastWords(printed: string): string {
  const lines = stripVTControlCharacters(printed).trim().split('\n');
  return (lines.at(-1) ?? '').replace(/^.*\[ONNXRuntimeError\] : \d+ : \w+ : /, '').slice(0, 400);
}

function died(task: ChildTask, how: string, printed: string): SpectaError {
  const words = lastWords(printed);
  const what = `the process that tried it ${how}${words === '' ? '' : `, with "${words}"`}`;
  const provider = task.session?.provider ?? 'cpu';
  return provider === 'cpu' ? libraryUnusable(task.library, what) : providerAbsent(provider, ['cpu'], what);
}

/** What the child could not do, with what ONNX Runtime logged where a provider is missing: it names the file. */
function refused(error: ErrorRecord, printed: string): SpectaError {
  const words = lastWords(printed);
  return fromErrorRecord(
    error.code === 'PROVIDER_ABSENT' && words !== ''
      ? { ...error, message: `${error.message} ONNX Runtime: ${words}` }
      : error,
  );
}

/** The end of what it printed is enough to tell why it died. */
const KEPT_CHARACTERS = 4_000;

function inChild(
  task: ChildTask,
  limitMs: number | null,
  signal: AbortSignal | undefined,
): Promise<LibraryReport> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./native-child.ts', import.meta.url), {
      execArgv: [...NODE_OPTIONS],
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
      // What native code prints goes into the error, never among the log's lines.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(limitMs === null ? {} : { timeout: limitMs }),
      killSignal: 'SIGKILL',
    });
    let words = '';
    let answer: ChildAnswer | null = null;
    const listen = (chunk: Buffer): void => {
      words = (words + chunk.toString('utf8')).slice(-KEPT_CHARACTERS);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    const stop = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', stop, { once: true });
    child.on('message', (message: ChildAnswer) => {
      answer = message;
    });
    child.on('error', (error) => {
      signal?.removeEventListener('abort', stop);
      reject(
        libraryUnusable(task.library, `no process could be started to try it (${error.message})`, error),
      );
    });
    child.on('close', (code, killedBy) => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted) reject(signal.reason);
      else if (answer?.kind === 'done')
        resolve({ path: answer.path, version: answer.version, providers: answer.providers });
      else if (answer?.kind === 'refused') reject(refused(answer.error, words));
      else reject(died(task, killedBy ? `was killed by ${killedBy}` : `ended with status ${code}`, words));
    });
    child.send(task, (error) => {
      // A child that is gone already says how it ended by itself.
      if (error) stop();
    });
  });
}
