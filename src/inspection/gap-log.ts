import type { CoverageGap } from '../domain/run.ts';
import type { Instant } from '../domain/time.ts';
import type { Sight } from './coverage.ts';

type Kind = Sight['kind'];

/** The most gaps that are kept: what comes after is counted. */
const MOST_GAPS = 500;

interface Stretch {
  readonly kind: Exclude<Kind, 'seen'>;
  readonly from: Instant;
  readonly kpFrom: number | null;
  to: Instant;
  kpTo: number | null;
}

/**
 * The stretches of a run in which the camera could not see, with their place where that is known: what was not
 * inspected. Pure, and bounded in memory.
 */
export class GapLog {
  private readonly leastMs: number;
  private readonly lostAfterMs: number;
  private readonly done: CoverageGap[];
  private leftOut: number;
  private open: Stretch | null = null;
  /** The frame before, or the beginning. */
  private last: { readonly at: Instant; readonly kp: number | null };
  private lowKp: number | null;
  private highKp: number | null;

  /**
   * @param leastMs shorter gaps are no news: the coverage counts them all the same
   * @param lostAfterMs an interval between frames longer than this is lost time
   * @param startedAt when the run began, or goes on: a first frame that is long in coming leaves a gap, too
   * @param before what the same run had before a restart
   */
  constructor(
    leastMs: number,
    lostAfterMs: number,
    startedAt: Instant,
    before: {
      readonly gaps?: readonly CoverageGap[];
      readonly gapsLeftOut?: number;
      readonly kpSeen?: readonly [number, number] | null;
    } = {},
  ) {
    this.leastMs = leastMs;
    this.lostAfterMs = lostAfterMs;
    this.last = { at: startedAt, kp: null };
    this.done = [...(before.gaps ?? [])];
    this.leftOut = before.gapsLeftOut ?? 0;
    this.lowKp = before.kpSeen?.[0] ?? null;
    this.highKp = before.kpSeen?.[1] ?? null;
  }

  /** The next frame: how it was judged, and where. */
  see(kind: Exclude<Kind, 'lost'>, at: Instant, kp: number | null): void {
    const last = this.last;
    const silentMs = at.monoMs - last.at.monoMs;
    if (silentMs > this.lostAfterMs) {
      if (this.open !== null) this.close(last.at, last.kp);
      this.keep({ kind: 'lost', from: last.at, to: at, kpFrom: last.kp, kpTo: kp }, silentMs);
    }
    if (this.open !== null && this.open.kind !== kind) this.close(at, kp);
    if (kind === 'seen') {
      if (kp !== null) {
        this.lowKp = Math.min(kp, this.lowKp ?? kp);
        this.highKp = Math.max(kp, this.highKp ?? kp);
      }
    } else if (this.open === null) {
      this.open = { kind, from: at, to: at, kpFrom: kp, kpTo: kp };
    } else {
      this.open.to = at;
      this.open.kpTo = kp;
    }
    this.last = { at, kp };
  }

  /** The stretch between two boots: the clocks of both are only comparable in UTC. */
  lose(from: Instant, to: Instant): void {
    this.keep({ kind: 'lost', from, to, kpFrom: null, kpTo: null }, to.utcMs - from.utcMs);
  }

  /** All so far, also the one that is open, up to `now`. */
  read(now: Instant): {
    readonly gaps: readonly CoverageGap[];
    readonly gapsLeftOut: number;
    readonly kpSeen: readonly [number, number] | null;
  } {
    const open = this.open;
    const last = this.last;
    const underWay: Stretch[] = [];
    if (open !== null && last.at.monoMs - open.from.monoMs >= this.leastMs)
      underWay.push({ ...open, to: last.at });
    if (now.monoMs - last.at.monoMs > this.lostAfterMs) {
      underWay.push({ kind: 'lost', from: last.at, to: now, kpFrom: last.kp, kpTo: null });
    }
    const told = underWay.slice(0, MOST_GAPS - this.done.length);
    const isPlaced = this.lowKp !== null && this.highKp !== null;
    return {
      gaps: [...this.done, ...told.map(plain)],
      gapsLeftOut: this.leftOut + underWay.length - told.length,
      kpSeen: isPlaced ? [this.lowKp ?? 0, this.highKp ?? 0] : null,
    };
  }

  private close(at: Instant, kp: number | null): void {
    const { open } = this;
    this.open = null;
    if (open !== null) this.keep({ ...open, to: at, kpTo: kp }, at.monoMs - open.from.monoMs);
  }

  private keep(stretch: Stretch, ms: number): void {
    if (ms < this.leastMs) return;
    if (this.done.length < MOST_GAPS) this.done.push(plain(stretch));
    else this.leftOut += 1;
  }
}

function plain({ kind, from, to, kpFrom, kpTo }: Stretch): CoverageGap {
  return { kind, fromUtcMs: from.utcMs, toUtcMs: to.utcMs, kpFrom, kpTo };
}
