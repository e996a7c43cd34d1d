import { constants } from 'node:os';
import { systemCode } from '../platform/errors.ts';
import { diskError } from '../platform/files.ts';

/** The reason of an {@link Interrupt}'s signal: whoever started the command asked it to end, which is no fault. */
export class Interrupted extends Error {
  /** `SIGPIPE` when whoever read the output has gone away. */
  readonly by: NodeJS.Signals;

  constructor(by: NodeJS.Signals) {
    super(`ended by ${by}`);
    this.name = 'Interrupted';
    this.by = by;
  }

  /** The exit status that shells give a command ended by this signal: 130 for Ctrl-C, 141, 143. */
  get exitStatus(): number {
    return 128 + constants.signals[this.by];
  }
}

/**
 * A signal that is aborted by SIGTERM, SIGINT (Ctrl-C) or SIGHUP, and when standard output can no longer be written;
 * disposing it takes the handlers off.
 */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
  /** Which one came, `SIGPIPE` when nobody reads the output any more; null while none has. */
  readonly received: NodeJS.Signals | null;
  /** Throws why, where the command had to end because its output could not be written. */
  throwIfOutputFailed(): void;
}

/** Turns what ends the process into one AbortSignal. A repeated signal changes nothing: stopping is bounded. */
export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  let received: NodeJS.Signals | null = null;
  const handle = (signal: NodeJS.Signals): void => {
    received ??= signal;
    controller.abort(new Interrupted(signal));
  };
  const onOutputError = (error: unknown): void => {
    if (systemCode(error) === 'EPIPE') handle('SIGPIPE');
    else controller.abort(diskError(error, 'write', 'standard output'));
  };
  const signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
  for (const signal of signals) process.on(signal, handle);
  process.stdout.on('error', onOutputError);
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
    throwIfOutputFailed() {
      if (controller.signal.aborted && (received === null || received === 'SIGPIPE'))
        throw controller.signal.reason;
    },
    [Symbol.dispose]() {
      for (const signal of signals) process.off(signal, handle);
      process.stdout.off('error', onOutputError);
    },
  };
}

/** Resolves once `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
