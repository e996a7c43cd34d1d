import type { Clock } from '../platform/clock.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { Lane } from './lane.ts';

/** First and longest pause after a refusal, ms. */
export interface RefusedPause {
  readonly firstMs: number;
  readonly mostMs: number;
}

/** When lanes go on again: after a while, and only once every answer to what they have sent is in. */
export class LaneRests {
  private readonly lanes: readonly Lane[];
  private readonly clock: Clock;
  private readonly wake: () => void;
  private readonly mostMs: number;
  private readonly refusedPauses: ReadonlyMap<Lane, GrowingPause>;
  private readonly onDrained = new Map<Lane, (() => void)[]>();
  private readonly timers = new Set<() => void>();
  private stopped = false;

  /** @param wake called after something that waited was done */
  constructor(lanes: readonly Lane[], clock: Clock, refusedPause: RefusedPause, wake: () => void) {
    this.lanes = lanes;
    this.clock = clock;
    this.wake = wake;
    const { firstMs, mostMs } = refusedPause;
    this.mostMs = mostMs;
    this.refusedPauses = new Map(lanes.map((lane) => [lane, new GrowingPause(firstMs, mostMs)]));
  }

  /** The lanes that fare alike: what the broker says of one alert it says of all. */
  kindred(lane: Lane): readonly Lane[] {
    return this.lanes.filter(({ name }) => name === lane.name);
  }

  /** How long a lane rests after its next refusal, ms; from one to the next it is longer. */
  takeRefusedPause(lane: Lane): number {
    return this.refusedPauses.get(lane)?.take() ?? this.mostMs;
  }

  /** Something of the lane was taken: its next refusal is the first again. */
  accepted(lane: Lane): void {
    this.refusedPauses.get(lane)?.reset();
  }

  /** Does `then` after `ms`, and not before {@link settled} has told that the lane waits for no answer: then its head is known. */
  later(lane: Lane, ms: number, then: () => void): void {
    const act = (): void => {
      then();
      this.wake();
    };
    this.after(ms, () => {
      if (this.isDrained(lane)) act();
      else this.onDrained.set(lane, [...(this.onDrained.get(lane) ?? []), act]);
    });
  }

  /** Wakes after `ms`, once `then` is done. */
  wakeAfter(ms: number, then: () => void): void {
    this.after(ms, () => {
      then();
      this.wake();
    });
  }

  /** An answer to something of the lane is written down. */
  settled(lane: Lane): void {
    if (!this.isDrained(lane)) return;
    for (const one of this.kindred(lane)) {
      const acts = this.onDrained.get(one) ?? [];
      this.onDrained.delete(one);
      for (const act of acts) act();
    }
  }

  /** Nothing that waits is done any more. */
  stop(): void {
    this.stopped = true;
    for (const cancel of this.timers) cancel();
    this.timers.clear();
  }

  private isDrained(lane: Lane): boolean {
    return this.kindred(lane).every(({ busy }) => busy.size === 0);
  }

  private after(ms: number, callback: () => void): void {
    if (this.stopped) return;
    const cancel = this.clock.after(ms, () => {
      this.timers.delete(cancel);
      callback();
    });
    this.timers.add(cancel);
  }
}
