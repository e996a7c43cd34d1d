import { imageSides } from './gradient-lowering.ts';
import type { PlannedLayer } from './network.ts';
import type { ConvWindow } from './window-attributes.ts';

/** How input pixels whose row and column have the same remainder by the stride get their derivative. */
export interface StridePhase {
  /** Rows and columns of the kernel that reach such pixels. */
  readonly kernel: readonly [number, number];
  /** The last row and column of the whole kernel among them; the others lie `step` apart before it. */
  readonly last: readonly [number, number];
  readonly step: number;
  /** Zeros around the output's derivative, top, left, bottom, right. */
  readonly pads: readonly [number, number, number, number];
}

interface Axis {
  readonly kernel: number;
  readonly last: number;
  readonly before: number;
  readonly behind: number;
}

/**
 * The phases of a convolution's way back, row by row; null where the stride is larger than the kernel or the padding
 * as large.
 * For pixel s·u + r with r + p = s·c + ρ: dx = Σ_m w[ρ + s·m] · dy[u + c − m], a convolution of stride 1.
 */
export function phasesOf(
  planned: PlannedLayer & { readonly layer: ConvWindow },
): readonly StridePhase[] | null {
  const { stride } = planned.layer;
  const [, ...inputs] = imageSides(planned.input);
  const [, ...outputs] = imageSides(planned.output);
  const remainders = Array.from({ length: stride }, (_, remainder) => remainder);
  const [rows, columns] = [0, 1].map((axis) =>
    remainders.map((remainder) => axisPhase(planned.layer, inputs[axis], outputs[axis], remainder)),
  );
  const phases: StridePhase[] = [];
  for (const row of rows) {
    for (const column of columns) {
      if (!row || !column) return null;
      phases.push({
        kernel: [row.kernel, column.kernel],
        last: [row.last, column.last],
        step: stride,
        pads: [row.before, column.before, row.behind, column.behind],
      });
    }
  }
  return phases;
}

function axisPhase(
  { kernel, stride, padding }: ConvWindow,
  input: number,
  output: number,
  remainder: number,
): Axis | null {
  const first = (remainder + padding) % stride;
  const shift = Math.floor((remainder + padding) / stride);
  const count = Math.ceil((kernel - first) / stride);
  const before = count - 1 - shift;
  const behind = Math.ceil(input / stride) + shift - output;
  if (count < 1 || before < 0 || behind < 0) return null;
  return { kernel: count, last: first + stride * (count - 1), before, behind };
}
