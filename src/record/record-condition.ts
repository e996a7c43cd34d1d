import type { PartCondition, PartStatus } from '../domain/status.ts';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';

/**
 * What can be wrong with the record, the worst first. `stuck`: a request is unanswered. `database`: commits fail.
 * `worker`: the thread died and is being started. `pictures`: there is no room for them. `damaged`: the record
 * before this one was damaged and put aside; that stays until the next start, for somebody must look at it.
 */
export const TROUBLES = ['stuck', 'database', 'worker', 'pictures', 'damaged'] as const;
export type Trouble = (typeof TROUBLES)[number];

const CONDITIONS: Readonly<Record<Trouble, PartCondition>> = {
  stuck: 'failed',
  database: 'failed',
  worker: 'recovering',
  pictures: 'recovering',
  damaged: 'recovering',
};

/** Sums up the troubles of the record as its `status/record`. */
export class RecordCondition {
  private readonly clock: Clock;
  private readonly troubles = new Map<Trouble, string>();
  private readonly changes = new Emitter<PartStatus>();
  private current: PartStatus;

  constructor(clock: Clock) {
    this.clock = clock;
    this.current = { part: 'record', condition: 'ok', reason: null, sinceUtcMs: clock.now().utcMs };
  }

  get status(): PartStatus {
    return this.current;
  }

  onStatus(listener: (status: PartStatus) => void): () => void {
    return this.changes.on(listener);
  }

  has(trouble: Trouble): boolean {
    return this.troubles.has(trouble);
  }

  /** @param reason a sentence for people; null when the trouble is over */
  set(trouble: Trouble, reason: string | null): void {
    if (reason === null) this.troubles.delete(trouble);
    else this.troubles.set(trouble, reason);
    const worst = TROUBLES.find((name) => this.troubles.has(name));
    const condition = worst ? CONDITIONS[worst] : 'ok';
    const told = worst ? (this.troubles.get(worst) ?? null) : null;
    if (condition === this.current.condition && told === this.current.reason) return;
    const sinceUtcMs =
      condition === this.current.condition ? this.current.sinceUtcMs : this.clock.now().utcMs;
    this.current = { part: 'record', condition, reason: told, sinceUtcMs };
    this.changes.emit(this.current);
  }
}
