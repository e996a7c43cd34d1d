import type { AlertMessage } from '../../src/surface/messages/alert.ts';

/** What a run came to. It is good when `lost` is 0 and `faults` is empty. */
export interface Count {
  readonly committed: number;
  /** Of them, those that came above water, however often. */
  readonly delivered: number;
  /** Copies beyond the first, with the same boot, sequence and content. */
  readonly duplicates: number;
  readonly lost: number;
  readonly faults: readonly string[];
}

type Told = Pick<AlertMessage, 'boot' | 'sequence'>;

/** What tells one alert from all others. */
export const keyOf = ({ boot, sequence }: Told): string => `${boot} ${sequence}`;

/** The alert without the mark that may differ when it comes again. */
export function body({ historical: _, ...rest }: AlertMessage): string {
  return JSON.stringify(rest);
}

/** Keeps count of what was committed and of what came above water. */
export class Tally {
  private readonly committed = new Set<string>();
  private readonly heard = new Map<string, { readonly body: string; copies: number }>();
  private readonly faults = new Set<string>();

  /** An alert that is safe on disk. */
  commit(alert: Told): void {
    this.committed.add(keyOf(alert));
  }

  hear(payload: Uint8Array): void {
    const alert = JSON.parse(new TextDecoder().decode(payload)) as AlertMessage;
    const before = this.heard.get(keyOf(alert));
    if (!before) this.heard.set(keyOf(alert), { body: body(alert), copies: 1 });
    else {
      before.copies += 1;
      if (before.body !== body(alert)) this.faults.add(`${keyOf(alert)} came with two contents`);
    }
  }

  get missing(): readonly string[] {
    return [...this.committed].filter((key) => !this.heard.has(key));
  }

  count(): Count {
    const { missing } = this;
    let duplicates = 0;
    for (const { copies } of this.heard.values()) duplicates += copies - 1;
    const delivered = this.committed.size - missing.length;
    return {
      committed: this.committed.size,
      delivered,
      duplicates,
      lost: missing.length,
      faults: [...this.faults, ...missing.slice(0, 10).map((key) => `lost: ${key}`)],
    };
  }
}
