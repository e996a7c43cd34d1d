import { GRADIENT_NAMES } from './gradient-names.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Layer, PlannedLayer, Shape } from './network.ts';

/** Operator set of ONNX Runtime's own operators; `FusedMatMul` multiplies by a transpose without copying it. */
export const RUNTIME_DOMAIN = 'com.microsoft';

/**
 * A convolution's derivatives by kernel and bias. For each kernel position the input is shifted (and thinned by the
 * stride) to lie under the output; the kernel's derivative is the product of the output's derivative with those shifts.
 */
export function convParameterGradients(
  graph: GraphBuilder,
  planned: PlannedLayer,
  before: string,
  gradient: string,
  batch: number,
): void {
  const { layer, name } = planned;
  if (layer.kind !== 'conv') return;
  const [channels] = planned.input;
  const [filters, height, width] = imageSides(planned.output);
  const { kernel, stride, padding } = layer;
  graph.node('ReduceSum', [gradient, graph.integers([0, 2, 3])], GRADIENT_NAMES.gradient(`${name}.bias`), {
    keepdims: 0,
  });
  let padded = before;
  if (padding > 0) {
    const sides = graph.integers([0, 0, padding, padding, 0, 0, padding, padding]);
    padded = graph.node('Pad', [before, sides], `${name}.padded`);
  }
  const shifts: string[] = [];
  for (let row = 0; row < kernel; row++) {
    for (let column = 0; column < kernel; column++) {
      const ends = [row + (height - 1) * stride + 1, column + (width - 1) * stride + 1];
      const shift = graph.node(
        'Slice',
        [
          padded,
          graph.integers([row, column]),
          graph.integers(ends),
          graph.integers([2, 3]),
          graph.integers([stride, stride]),
        ],
        `${name}.shift${row}_${column}`,
      );
      const flat = graph.integers([batch, channels, height * width]);
      shifts.push(graph.node('Reshape', [shift, flat], `${name}.flat${row}_${column}`));
    }
  }
  const columns = graph.node('Concat', shifts, `${name}.columns`, { axis: 1 });
  const rows = graph.node(
    'Reshape',
    [gradient, graph.integers([batch, filters, height * width])],
    `${name}.rows`,
  );
  const products = graph.node(
    'FusedMatMul',
    [rows, columns],
    `${name}.products`,
    { transB: 1 },
    RUNTIME_DOMAIN,
  );
  const summed = graph.node('ReduceSum', [products, graph.integers([0])], `${name}.summed`, { keepdims: 0 });
  const split = graph.node(
    'Reshape',
    [summed, graph.integers([filters, kernel * kernel, channels])],
    `${name}.split`,
  );
  const turned = graph.node('Transpose', [split], `${name}.turned`, { perm: [0, 2, 1] });
  graph.node(
    'Reshape',
    [turned, graph.integers([filters, channels, kernel, kernel])],
    GRADIENT_NAMES.gradient(`${name}.weight`),
  );
}

/** Adds the derivative by the convolution's input and returns its name, `out`. */
export function convInputGradient(
  graph: GraphBuilder,
  planned: PlannedLayer,
  gradient: string,
  out: string,
): string {
  const [weight] = planned.parameters;
  if (planned.layer.kind !== 'conv' || !weight) return '';
  return graph.node('ConvTranspose', [gradient, weight.name], out, {
    ...convAttributes(planned.layer),
    output_padding: unreachedPixels(planned),
  });
}

/** Rows and columns at the far edge of a convolution's input that no window reaches, because the stride skips them. */
function unreachedPixels(planned: PlannedLayer): number[] {
  const { layer } = planned;
  if (layer.kind !== 'conv') return [0, 0];
  const [, inputHeight, inputWidth] = imageSides(planned.input);
  const [, outputHeight, outputWidth] = imageSides(planned.output);
  const reached = (side: number): number => (side - 1) * layer.stride + layer.kernel - 2 * layer.padding;
  return [inputHeight - reached(outputHeight), inputWidth - reached(outputWidth)];
}

function imageSides(shape: Shape): readonly [number, number, number] {
  return shape.length === 3 ? shape : [shape[0], 1, 1];
}

/** The attributes that `Conv` and `ConvTranspose` share. */
export function convAttributes(layer: Extract<Layer, { kind: 'conv' }>): Record<string, readonly number[]> {
  const { kernel, stride, padding } = layer;
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
}
