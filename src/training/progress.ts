/** Where a command tells how far it is. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Progress of one long piece of work: a moving bar on a terminal, a plain line now and then elsewhere. */
export interface Progress {
  /** Says a whole line that stays. */
  say(line: string): void;
  /**
   * @param title what is under way
   * @param done of `all`
   * @param startedMs monotonic ms when it began, to tell how long it will take
   * @param note a short text at the end of the line
   */
  show(title: string, done: number, all: number, startedMs: number, note?: string): void;
}

const BAR = 24;
/** Plain lines come at most this often, ms. */
const PLAIN_PAUSE = 15_000;

/** @param now monotonic ms */
export function createProgress(output: ProgressOutput, now: () => number): Progress {
  const terminal = output.isTTY === true;
  let barShown = false;
  let lastPlain = Number.NEGATIVE_INFINITY;
  const clear = (): void => {
    if (barShown) output.write('\r\u001b[K');
    barShown = false;
  };
  return {
    say(line) {
      clear();
      output.write(`${line}\n`);
    },
    show(title, done, all, startedMs, note = '') {
      const spent = now() - startedMs;
      const left = done > 0 ? (spent / done) * (all - done) : Number.NaN;
      const eta = Number.isNaN(left) ? '' : ` ETA ${minutes(left)}`;
      if (!terminal) {
        if (now() - lastPlain < PLAIN_PAUSE && done < all) return;
        lastPlain = now();
        output.write(`${title} ${done}/${all}${eta} ${note}`.trimEnd().concat('\n'));
        return;
      }
      const filled = Math.round((done / Math.max(1, all)) * BAR);
      const bar = `${'#'.repeat(filled)}${'.'.repeat(BAR - filled)}`;
      const line = `${title} [${bar}] ${done}/${all}${eta} ${note}`.trimEnd();
      output.write(`\r\u001b[K${line.slice(0, (output.columns ?? 80) - 1)}`);
      barShown = true;
      if (done >= all) clear();
    },
  };
}

/** Milliseconds as m:ss. */
export function minutes(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
