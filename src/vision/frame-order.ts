import { SpectaError } from '../platform/errors.ts';

/** Places in the shared state. */
const TURN = 0;
const ABANDONED = 1;

/** One frame's place in the order. */
export interface Turn {
  /** Blocks this thread until every frame before has passed. Throws `ENGINE_FAILED` when one never will. */
  come(): void;
  /** Lets the frame behind go on, after its own turn has come. Idempotent; never throws. */
  pass(): void;
}

/** For frames that are judged on one thread: it is always their turn. */
export const AT_ONCE: Turn = { come: () => undefined, pass: () => undefined };

/**
 * The order of frames among the threads of one vision. What needs the frame before it (does the camera repeat one
 * picture?) is done by one thread at a time, in the order in which the frames came, whichever was ready first.
 */
export class FrameOrder {
  private readonly state: Int32Array<SharedArrayBuffer>;

  /** @param shared what {@link FrameOrder.share} gave, the same for all threads */
  constructor(shared: SharedArrayBuffer) {
    this.state = new Int32Array(shared);
  }

  static share(): SharedArrayBuffer {
    return new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
  }

  /** The number of the frame behind `number`; they go round after 2^32 frames. */
  static behind(number: number): number {
    return (number + 1) | 0;
  }

  /** @param number of the frame, counted from 0 without a gap */
  turn(number: number): Turn {
    let passed = false;
    return {
      come: () => {
        if (this.wait(number)) return;
        throw new SpectaError(
          'ENGINE_FAILED',
          'A frame before this one was lost with its thread.',
          'Vision is started anew by the daemon.',
        );
      },
      pass: () => {
        if (passed || !this.wait(number)) return;
        passed = true;
        Atomics.store(this.state, TURN, FrameOrder.behind(number));
        Atomics.notify(this.state, TURN);
      },
    };
  }

  /** A thread is lost with its frame: nobody waits for it any more. */
  abandon(): void {
    Atomics.store(this.state, ABANDONED, 1);
    // Another value, so that whoever is about to wait looks again.
    Atomics.sub(this.state, TURN, 1);
    Atomics.notify(this.state, TURN);
  }

  private wait(number: number): boolean {
    for (;;) {
      if (Atomics.load(this.state, ABANDONED) !== 0) return false;
      const current = Atomics.load(this.state, TURN);
      if (current === number) return true;
      Atomics.wait(this.state, TURN, current);
    }
  }
}
