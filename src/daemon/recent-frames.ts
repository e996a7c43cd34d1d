import type { Frame } from '../domain/frame.ts';

/**
 * The pixels that may yet become evidence: the frames that inspection still wants. Bounded by inspection's own bound
 * on wanted frames.
 */
export class RecentFrames {
  private kept = new Map<number, Frame>();

  add(frame: Frame): void {
    this.kept.set(frame.sequence, frame);
  }

  /** Lets go of all frames but those wanted. */
  prune(wanted: readonly number[]): void {
    const before = this.kept;
    this.kept = new Map();
    for (const sequence of wanted) {
      const frame = before.get(sequence);
      if (frame) this.kept.set(sequence, frame);
    }
  }

  /** null when the pixels are gone. */
  get(sequence: number): Frame | null {
    return this.kept.get(sequence) ?? null;
  }
}
