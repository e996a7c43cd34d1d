import type { Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { DefectClass } from '../domain/verdict.ts';
import type { Search } from './locator.ts';
import { createSearchPace, type SearchPace } from './search-pace.ts';

/** One request to find a defect in a frame. */
export interface SearchOrder {
  readonly id: number;
  readonly frame: Frame;
  readonly defect: DefectClass;
}

export interface SearchDeskOptions {
  /** Begins the search; what it needs of the engine it takes in steps. */
  readonly begin: (frame: Frame, defect: DefectClass) => Search;
  /** Runs one step while no frame is judged. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  readonly answer: (id: number, located: Located) => void;
  /** A search that broke off, in words. */
  readonly failed: (id: number, error: unknown) => void;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** Orders that may wait; each holds a frame. */
const MOST_WAITING = 4;
/** From the order to its answer at most, ms. */
const WITHIN_MS = 40_000;

/** Works off searches one after the other, in the gaps between frames. */
export class SearchDesk {
  readonly pace: SearchPace = createSearchPace();
  private readonly options: SearchDeskOptions;
  private readonly waiting: (SearchOrder & { readonly until: number })[] = [];
  private working = false;
  private stopped = false;

  constructor(options: SearchDeskOptions) {
    this.options = options;
  }

  ask(order: SearchOrder): void {
    if (this.stopped || this.waiting.length >= MOST_WAITING) {
      this.options.answer(order.id, nothing(this.stopped ? 'engine-away' : 'no-time'));
      return;
    }
    this.waiting.push({ ...order, until: this.options.now() + WITHIN_MS });
    if (!this.working) void this.work();
  }

  /** No further step begins; what waits is answered. */
  stop(): void {
    this.stopped = true;
  }

  private async work(): Promise<void> {
    this.working = true;
    for (let order = this.waiting.shift(); order; order = this.waiting.shift()) {
      try {
        this.options.answer(order.id, await this.search(order));
      } catch (error) {
        this.options.failed(order.id, error);
      }
    }
    this.working = false;
  }

  private async search({ frame, defect, until }: SearchOrder & { readonly until: number }): Promise<Located> {
    const { begin, exclusive, now } = this.options;
    const search = begin(frame, defect);
    for (;;) {
      for (let wait = this.pace.waitMs(now()); wait > 0; wait = this.pace.waitMs(now())) {
        if (this.stopped) break;
        await pause(wait);
      }
      if (this.stopped) return nothing('engine-away');
      if (now() > until) return nothing('no-time');
      const located = await exclusive(async () => {
        const began = now();
        const found = await search.step();
        this.pace.stepDone(now(), now() - began);
        return found;
      });
      if (located) return located;
      // Frames that came meanwhile are taken before the next step.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function nothing(reason: 'no-time' | 'engine-away'): Located {
  return { box: null, map: null, reason };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
