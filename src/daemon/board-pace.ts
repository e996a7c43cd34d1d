import type { FrameSource } from '../camera/frame-source.ts';
import { everyFrame, nextStride, STRIDE_RULES, type Stride } from '../inspection/stride.ts';
import type { BoardStrain } from '../platform/board-strain.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';

interface PaceParts {
  readonly camera: Pick<FrameSource, 'delivered' | 'drops'>;
  readonly read: () => Promise<BoardStrain>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Looks at the board now and then, and says which frames are judged (see `inspection/stride.ts`). */
export class BoardPace {
  private readonly parts: PaceParts;
  private current: Stride;
  private strain: BoardStrain = { headroomCelsius: null, clockShare: null };
  private before: { readonly monoMs: number; readonly delivered: number; readonly overtaken: number };

  constructor(parts: PaceParts) {
    this.parts = parts;
    const { monoMs } = parts.clock.now();
    this.current = everyFrame(monoMs);
    this.before = { monoMs, ...this.counts() };
  }

  /** Every so many-th frame is judged. */
  get stride(): number {
    return this.current.stride;
  }

  /** What the board said last. */
  get board(): BoardStrain {
    return this.strain;
  }

  /** Looks once; every few seconds. */
  async look(): Promise<void> {
    const { clock, read, log } = this.parts;
    this.strain = await read();
    const { monoMs } = clock.now();
    const before = this.before;
    const now = { monoMs, ...this.counts() };
    this.before = now;
    const delivered = now.delivered - before.delivered;
    const overtaken = now.overtaken - before.overtaken;
    const seconds = (monoMs - before.monoMs) / 1000;
    const given = delivered + overtaken;
    const strain = {
      ...this.strain,
      overtakenShare: given > 0 ? overtaken / given : 0,
      cameraFps: seconds > 0 ? given / seconds : 0,
    };
    const was = this.current.stride;
    this.current = nextStride(this.current, strain, monoMs, STRIDE_RULES);
    const { stride, why } = this.current;
    if (stride > was) log.warn({ stride, why, ...strain }, 'the board is strained: fewer frames are judged');
    else if (stride < was) log.info({ stride, ...strain }, 'more frames are judged again');
  }

  private counts(): { delivered: number; overtaken: number } {
    const { delivered, drops } = this.parts.camera;
    return { delivered, overtaken: drops.superseded ?? 0 };
  }
}
