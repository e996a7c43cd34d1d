import { exitStatusOf } from '../src/cli/exit-codes.ts';
import { type Interrupt, Interrupted } from '../src/cli/interrupt.ts';
import { asSpectaError } from '../src/platform/errors.ts';

/**
 * Says why a command ended before its time, and sets the process's exit status.
 * @param stopped what to say where somebody asked it to end
 */
export function endEarly(error: unknown, { signal }: Interrupt, stopped: string): void {
  if (signal.reason instanceof Interrupted) {
    process.stderr.write(`\n${stopped}\n`);
    process.exitCode = signal.reason.exitStatus;
    return;
  }
  const known = asSpectaError(error);
  process.stderr.write(`\nerror ${known.message}\n${known.help} [${known.code}]\n`);
  process.exitCode = exitStatusOf(known.code);
}
