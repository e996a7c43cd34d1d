import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { stripVTControlCharacters } from 'node:util';
import type { Bundle } from '../domain/manifest.ts';
import { fromErrorRecord, SpectaError, systemCode } from '../platform/errors.ts';
import { NODE_OPTIONS } from '../platform/node-options.ts';
import type { EngineChoice } from './engine/engine.ts';
import type { Proof } from './prove.ts';
import type { ProvingAnswer, ProvingTask } from './proving-child.ts';

export interface ProvingOptions {
  readonly signal?: AbortSignal;
  /** Called with the child's process id once it runs. */
  readonly onStart?: (pid: number) => void;
}

/** The end of what it printed is enough to tell why it died. */
const KEPT_CHARACTERS = 4_000;
/** Below the frame loop: proving may take longer, frames may not. */
const NICE = 5;

function died({ manifest }: Bundle, how: string, printed: string): SpectaError {
  const words = stripVTControlCharacters(printed).trim().split('\n').at(-1)?.slice(0, 400) ?? '';
  return new SpectaError(
    'ENGINE_FAILED',
    `${manifest.name}@${manifest.version} took the process down that tried it: it ${how}${words === '' ? '' : `, with "${words}"`}.`,
    'Do not use this bundle on this machine.',
  );
}

/** Below the daemon, in time and in memory. */
function lower(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, NICE);
    // Where memory runs out, the kernel ends this one and not the daemon.
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch (error) {
    // Gone already: it says by itself how it ended. A system without /proc goes without.
    if (systemCode(error) === undefined) throw error;
  }
}

/**
 * {@link proveBundle} in a process of its own: a bundle that crashes its engine, or eats all memory, takes nothing else
 * down, and minutes of building can be cut off. Throws what it throws there, `ENGINE_FAILED` where the process died, or
 * the signal's reason.
 */
export function proveInChild(
  bundle: Bundle,
  choice: EngineChoice,
  { signal, onStart }: ProvingOptions = {},
): Promise<Proof> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = fork(new URL('./proving-child.ts', import.meta.url), {
      execArgv: [...NODE_OPTIONS],
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
      // What native code prints goes into the error, never among the log's lines.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    let words = '';
    let answer: ProvingAnswer | null = null;
    const listen = (chunk: Buffer): void => {
      words = (words + chunk.toString('utf8')).slice(-KEPT_CHARACTERS);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    const stop = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', stop, { once: true });
    child.on('message', (message: ProvingAnswer) => {
      answer = message;
    });
    child.on('error', (error) => {
      signal?.removeEventListener('abort', stop);
      reject(died(bundle, `could not be started (${error.message})`, ''));
    });
    child.on('close', (code, killedBy) => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted) reject(signal.reason);
      else if (answer?.kind === 'proved') resolve(answer.proof);
      else if (answer?.kind === 'refused') reject(fromErrorRecord(answer.error));
      else reject(died(bundle, killedBy ? `was killed by ${killedBy}` : `ended with status ${code}`, words));
    });
    lower(child.pid);
    if (child.pid !== undefined) onStart?.(child.pid);
    const task: ProvingTask = { bundle, choice };
    child.send(task, (error) => {
      // A child that is gone already says how it ended by itself.
      if (error) stop();
    });
  });
}
