import type { DefectBox } from './samples.ts';

/** A picture's place in another: each target pixel is read at x' = a·x + b·y + c, y' = d·x + e·y + f (pixel centres). */
export interface Placement {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  readonly f: number;
}

/** What part of a picture is seen, and which way up. */
export interface View {
  /** Side of the part, as a share of the picture's. */
  readonly share: number;
  /** Middle of the part, shares of the picture's sides. */
  readonly x: number;
  readonly y: number;
  /** Radians. */
  readonly turn: number;
  readonly mirror: boolean;
  readonly flip: boolean;
}

/** How the view is read from a picture of the same size. */
export function placementOf(view: View, width: number, height: number): Placement {
  const across = view.share * (view.mirror ? -1 : 1);
  const down = view.share * (view.flip ? -1 : 1);
  const cos = Math.cos(view.turn);
  const sin = Math.sin(view.turn);
  // A turned picture that is not square is brought to its sides again: the network's input is not square either.
  const a = cos * across;
  const b = (-sin * down * width) / height;
  const d = (sin * across * height) / width;
  const e = cos * down;
  const [halfX, halfY] = [(width - 1) / 2, (height - 1) / 2];
  const centreX = view.x * width - 0.5;
  const centreY = view.y * height - 0.5;
  return { a, b, c: centreX - a * halfX - b * halfY, d, e, f: centreY - d * halfX - e * halfY };
}

/** Side of the largest part that stays within the picture when turned, as a share. */
export function largestShare(turn: number): number {
  return 1 / (Math.abs(Math.cos(turn)) + Math.abs(Math.sin(turn)));
}

const ONE = 256;

/** Reads a plane `[height, width]` uint8 through a placement, bilinearly; beyond its rim the rim's pixels go on. */
export function warpPlane(
  from: Uint8Array,
  to: Uint8Array,
  { a, b, c, d, e, f }: Placement,
  width: number,
  height: number,
): void {
  const lastX = width - 1;
  const lastY = height - 1;
  for (let y = 0, out = 0; y < height; y++) {
    let fromX = b * y + c;
    let fromY = e * y + f;
    for (let x = 0; x < width; x++, out++, fromX += a, fromY += d) {
      const insideX = fromX < 0 ? 0 : fromX > lastX ? lastX : fromX;
      const insideY = fromY < 0 ? 0 : fromY > lastY ? lastY : fromY;
      const left = insideX | 0;
      const top = insideY | 0;
      const weightX = ((insideX - left) * ONE + 0.5) | 0;
      const weightY = ((insideY - top) * ONE + 0.5) | 0;
      const at = top * width + left;
      const right = left < lastX ? at + 1 : at;
      const below = top < lastY ? width : 0;
      const upper = from[at] * (ONE - weightX) + from[right] * weightX;
      const lower = from[at + below] * (ONE - weightX) + from[right + below] * weightX;
      to[out] = (upper * (ONE - weightY) + lower * weightY + ONE * (ONE / 2)) >> 16;
    }
  }
}

/** Share of the boxes' area that lies in the view (its turn left aside), for each defect the least; 1 without boxes. */
export function shareInView(boxes: readonly DefectBox[], view: View): number {
  const half = view.share / 2;
  const shares = new Map<string, number>();
  for (const box of boxes) {
    const across = Math.min(box.left + box.width, view.x + half) - Math.max(box.left, view.x - half);
    const down = Math.min(box.top + box.height, view.y + half) - Math.max(box.top, view.y - half);
    const inside = Math.max(0, across) * Math.max(0, down);
    const share = inside / Math.max(1e-9, Math.min(box.width * box.height, view.share ** 2));
    shares.set(box.defect, Math.max(shares.get(box.defect) ?? 0, share));
  }
  return shares.size === 0 ? 1 : Math.min(...shares.values());
}
