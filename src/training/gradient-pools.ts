import { imageSides, type Lower, type LoweringContext } from './gradient-lowering.ts';
import { elementCount, type PlannedLayer } from './network.ts';
import { elementTypeNumber } from './onnx-file.ts';
import { poolAttributes } from './window-attributes.ts';

/** Max pooling; where several values of a window are the largest, the derivative is shared out evenly. */
export const lowerMaxPool: Lower<'maxPool'> = (context, planned, before, after) =>
  planned.layer.size === planned.layer.stride
    ? lowerTiledMaxPool(context, planned, before, after)
    : lowerAnyMaxPool(context, planned, before, after);

/**
 * Windows side by side: the maxima are found again by comparison, which costs a tenth of keeping their positions
 * (`MaxPool` with indices and `MaxUnpool` are scalar code in the runtime).
 */
const lowerTiledMaxPool: Lower<'maxPool'> = (context, planned, before, after) => {
  const { graph } = context;
  const { name, layer } = planned;
  graph.node('MaxPool', [before], after, poolAttributes(layer));
  return (gradient) => {
    const covered = coveredPart(context, planned, before);
    const spread = enlarged(context, after, layer.size, `${name}.spread`);
    const equal = graph.node('Equal', [covered, spread], `${name}.equal`);
    const found = graph.node('Cast', [equal], `${name}.found`, { to: elementTypeNumber('float32') });
    const share = graph.node('AveragePool', [found], `${name}.share`, poolAttributes(layer));
    const part = graph.node('Mul', [gradient, graph.scalar(1 / layer.size ** 2)], `${name}.part`);
    const each = graph.node('Div', [part, share], `${name}.each`);
    const laid = enlarged(context, each, layer.size, `${name}.laid`);
    const back = graph.node('Mul', [found, laid], `${name}.back.covered`);
    return paddedToInput(context, planned, back, `${name}.back`);
  };
};

/** Windows that overlap or leave gaps: by the positions of the maxima; of equal values the first takes all. */
const lowerAnyMaxPool: Lower<'maxPool'> = ({ graph, batch }, { name, layer, input }, before, after) => {
  const positions = `${name}.positions`;
  graph.node('MaxPool', [before], [after, positions], poolAttributes(layer));
  return (gradient) => {
    const values = graph.node('Reshape', [gradient, graph.integers([-1])], `${name}.values`);
    const places = graph.node('Reshape', [positions, graph.integers([-1])], `${name}.places`);
    const count = batch * elementCount(input);
    const zeros = graph.node('Expand', [graph.scalar(0), graph.integers([count])], `${name}.zeros`);
    const added = { axis: 0, reduction: 'add' };
    const sums = graph.node('ScatterElements', [zeros, places, values], `${name}.sums`, added);
    return graph.node('Reshape', [sums, graph.integers([batch, ...input])], `${name}.back`);
  };
};

export const lowerAveragePool: Lower<'averagePool'> = (context, planned, before, after) => {
  const { graph } = context;
  const { name, layer, input, output } = planned;
  const { size, stride } = layer;
  graph.node('AveragePool', [before], after, poolAttributes(layer));
  return (gradient) => {
    if (size === stride) {
      const part = graph.node('Mul', [gradient, graph.scalar(1 / size ** 2)], `${name}.part`);
      const laid = enlarged(context, part, size, `${name}.laid`);
      return paddedToInput(context, planned, laid, `${name}.back`);
    }
    const [channels, ...sides] = imageSides(input);
    const [, ...reached] = imageSides(output).map((side) => (side - 1) * stride + size);
    const even = new Float32Array(channels * size * size).fill(1 / size ** 2);
    const weight = graph.floats(`${name}.even`, [channels, 1, size, size], even);
    return graph.node('ConvTranspose', [gradient, weight], `${name}.back`, {
      ...poolAttributes(layer),
      group: channels,
      output_padding: sides.map((side, axis) => side - reached[axis]),
    });
  };
};

export const lowerGlobalPool: Lower<'globalPool'> = ({ graph, batch }, { name, input }, before, after) => {
  const [channels, height, width] = imageSides(input);
  const means = graph.node('GlobalAveragePool', [before], `${name}.means`);
  graph.node('Reshape', [means, graph.integers([batch, channels])], after);
  return (gradient) => {
    const sides = graph.integers([batch, channels, 1, 1]);
    const pixel = graph.node('Reshape', [gradient, sides], `${name}.pixel`);
    const even = new Float32Array(height * width).fill(1 / (height * width));
    return graph.node('Mul', [pixel, graph.floats(`${name}.even`, [height, width], even)], `${name}.back`);
  };
};

/** The part of the layer's input that windows side by side cover. */
function coveredPart({ graph }: LoweringContext, planned: Tiled, value: string): string {
  const [, height, width] = imageSides(planned.input);
  const [rows, columns] = coveredSides(planned);
  if (rows === height && columns === width) return value;
  return graph.node(
    'Slice',
    [value, graph.integers([0, 0]), graph.integers([rows, columns]), graph.integers([2, 3])],
    `${planned.name}.covered`,
  );
}

function paddedToInput({ graph }: LoweringContext, planned: Tiled, value: string, out: string): string {
  const [, height, width] = imageSides(planned.input);
  const [rows, columns] = coveredSides(planned);
  if (rows === height && columns === width) return value;
  const sides = graph.integers([0, 0, 0, 0, 0, 0, height - rows, width - columns]);
  return graph.node('Pad', [value, sides], out);
}

type Tiled = PlannedLayer & { readonly layer: { readonly size: number } };

function coveredSides({ output, layer }: Tiled): readonly [number, number] {
  const [, rows, columns] = imageSides(output);
  return [rows * layer.size, columns * layer.size];
}

/** Each value `size` times across and down. */
function enlarged({ graph }: LoweringContext, value: string, size: number, out: string): string {
  const scales = graph.floats(`${out}.scales`, [4], Float32Array.of(1, 1, size, size));
  return graph.node('Resize', [value, '', scales], out, {
    mode: 'nearest',
    nearest_mode: 'floor',
    coordinate_transformation_mode: 'asymmetric',
  });
}
