import type { OutboxEntry, OutboxLane } from '../domain/outbox.ts';

/** How one lane of the outbox fares on this connection. */
export type LaneCondition =
  | { readonly kind: 'flowing' }
  | { readonly kind: 'unheard' }
  | { readonly kind: 'refused'; readonly reason: number };

/** One lane on one connection: where it stands, what is under way, whether it pauses. */
export class Lane {
  readonly name: OutboxLane;
  /** A refused entry holds the ones behind it, so that order is kept; otherwise they pass it. */
  readonly strict: boolean;
  /** Ids sent and not yet acknowledged, and acknowledged ones whose row is not yet gone. */
  readonly busy = new Set<number>();
  /** What was read ahead from the outbox and not sent yet. */
  ready: OutboxEntry[] = [];
  /** Set by commits; cleared before each look, so that a commit during the look is not missed. */
  mayHaveMore = true;
  paused = false;
  condition: LaneCondition = { kind: 'flowing' };
  private readonly widest: number;
  private lastId = 0;
  private passedRefused = false;
  /** The broker has answered 0 since the last pause. */
  private proven = false;

  /** @param widest most messages in flight */
  constructor(name: OutboxLane, widest: number, strict: boolean) {
    this.name = name;
    this.widest = widest;
    this.strict = strict;
  }

  /**
   * How many may be in flight. One, until the broker has answered 0: were eight under way while the first
   * subscriber arrives, the last could be heard before the first.
   */
  get window(): number {
    return this.proven ? this.widest : 1;
  }

  get afterId(): number {
    return this.lastId;
  }

  /** Refused entries lie behind {@link afterId}, to be tried again. */
  get hasPassedRefused(): boolean {
    return this.passedRefused;
  }

  /**
   * Takes in what a look into the outbox gave. True when there is something new to send.
   *
   * @param isElsewhere whether another lane sends an entry
   */
  fill(entries: readonly OutboxEntry[], isElsewhere: (id: number) => boolean = () => false): boolean {
    if (this.paused) return false;
    this.ready = entries.filter(({ id }) => !this.busy.has(id) && !isElsewhere(id));
    const last = entries.at(-1);
    if (!last) {
      // Nothing waits at all: what was unheard or refused has been given up by the black box.
      if (this.lastId === 0 && this.busy.size === 0) this.condition = { kind: 'flowing' };
      return false;
    }
    this.mayHaveMore = true;
    if (this.ready.length === 0) this.lastId = last.id;
    return true;
  }

  /** The next entry to send, or null. */
  take(): OutboxEntry | null {
    const entry = this.ready.shift();
    if (!entry) return null;
    this.lastId = entry.id;
    this.busy.add(entry.id);
    return entry;
  }

  /** The broker answered 0. */
  accepted(): void {
    // While the lane pauses, answers to what was sent before the pause prove nothing about its head.
    if (this.paused) return;
    this.proven = true;
    this.condition = { kind: 'flowing' };
  }

  /** Stops sending; what was read ahead is forgotten. */
  pause(condition: LaneCondition): void {
    this.paused = true;
    this.proven = false;
    this.condition = condition;
    this.ready = [];
    if (condition.kind === 'refused' && !this.strict) this.passedRefused = true;
  }

  /** Goes on: behind a refused entry where order does not matter, else from the head. */
  resume(): void {
    const fromHead = this.strict || this.condition.kind !== 'refused';
    this.paused = false;
    this.mayHaveMore = true;
    if (fromHead) this.lastId = 0;
  }

  /** Begins anew with the first entry, those refused before included. */
  restart(): void {
    this.lastId = 0;
    this.ready = [];
    this.passedRefused = false;
    this.mayHaveMore = true;
  }
}
