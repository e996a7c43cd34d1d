import type { Clock } from '../platform/clock.ts';
import { Counters } from '../platform/counters.ts';
import { Emitter } from '../platform/emitter.ts';
import type { PositionDrop, PositionSourceState, Readings, Sighting } from './position-source.ts';

/** What all sources of positions have: listeners, counts and a state that ends for good. */
export class SourceCore {
  readonly sightings = new Emitter<Sighting>();
  readonly states = new Emitter<PositionSourceState>();
  private readonly clock: Clock;
  private readonly drops = new Counters<PositionDrop>();
  private current: PositionSourceState = { kind: 'idle' };

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get state(): PositionSourceState {
    return this.current;
  }

  get dropped(): Readonly<Partial<Record<PositionDrop, number>>> {
    return this.drops.snapshot();
  }

  become(state: PositionSourceState): void {
    if (this.current.kind === 'stopped') return;
    this.current = state;
    this.states.emit(state);
  }

  /** Passes on what was understood, counts what was not. Nothing counts once stopped. */
  hear(heard: Heard): void {
    if (this.current.kind === 'stopped') return;
    if ('dropped' in heard) this.drops.add(heard.dropped);
    else this.sightings.emit({ at: this.clock.now(), readings: heard.readings });
  }
}

/** What became of something that was heard. */
export type Heard = { readonly readings: Partial<Readings> } | { readonly dropped: PositionDrop };
