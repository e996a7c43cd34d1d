import { inBlocks, inPlain, onPixels } from './blocked-layout.ts';
import {
  imageSides,
  type Lower,
  type LoweringContext,
  plain,
  type Value,
  type WayBack,
} from './gradient-lowering.ts';
import { elementCount, type PlannedLayer } from './network.ts';
import { elementTypeNumber } from './onnx-file.ts';
import { BLOCKED_DOMAIN } from './runtime-domains.ts';
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
  const domain = before.blocked ? BLOCKED_DOMAIN : '';
  graph.node('MaxPool', [before.name], after, poolAttributes(layer), domain);
  const value: Value = { name: after, blocked: before.blocked };
  const wayBack: WayBack = (gradient) => {
    const slopes = alike(context, gradient, before, planned.output);
    const covered = coveredPart(context, planned, before);
    const spread = enlarged(context, value, layer.size, `${name}.spread`);
    const equal = graph.node('Equal', [covered, spread], `${name}.equal`);
    const found = graph.node('Cast', [equal], `${name}.found`, { to: elementTypeNumber('float32') });
    const share = graph.node('AveragePool', [found], `${name}.share`, poolAttributes(layer), domain);
    const part = graph.node('Mul', [slopes, graph.scalar(1 / layer.size ** 2)], `${name}.part`);
    const each = graph.node('Div', [part, share], `${name}.each`);
    const laid = enlarged(context, { ...value, name: each }, layer.size, `${name}.laid`);
    const back = graph.node('Mul', [found, laid], `${name}.back.covered`);
    return paddedToInput(context, planned, { ...value, name: back }, `${name}.back`);
  };
  return { value, wayBack };
};

/** Windows that overlap or leave gaps: by the positions of the maxima; of equal values the first takes all. */
const lowerAnyMaxPool: Lower<'maxPool'> = (context, { name, layer, input, output }, before, after) => {
  const { graph, batch } = context;
  const positions = `${name}.positions`;
  graph.node('MaxPool', [inPlain(context, before, input)], [after, positions], poolAttributes(layer));
  const wayBack: WayBack = (gradient) => {
    const slopes = inPlain(context, gradient, output);
    const values = graph.node('Reshape', [slopes, graph.integers([-1])], `${name}.values`);
    const places = graph.node('Reshape', [positions, graph.integers([-1])], `${name}.places`);
    const count = batch * elementCount(input);
    const zeros = graph.node('Expand', [graph.scalar(0), graph.integers([count])], `${name}.zeros`);
    const added = { axis: 0, reduction: 'add' };
    const sums = graph.node('ScatterElements', [zeros, places, values], `${name}.sums`, added);
    return plain(graph.node('Reshape', [sums, graph.integers([batch, ...input])], `${name}.back`));
  };
  return { value: plain(after), wayBack };
};

export const lowerAveragePool: Lower<'averagePool'> = (context, planned, before, after) => {
  const { graph } = context;
  const { name, layer, input, output } = planned;
  const { size, stride } = layer;
  graph.node('AveragePool', [inPlain(context, before, input)], after, poolAttributes(layer));
  const wayBack: WayBack = (gradient) => {
    const slopes = inPlain(context, gradient, output);
    if (size === stride) {
      const part = graph.node('Mul', [slopes, graph.scalar(1 / size ** 2)], `${name}.part`);
      const laid = enlarged(context, plain(part), size, `${name}.laid`);
      return paddedToInput(context, planned, plain(laid), `${name}.back`);
    }
    const [channels, ...sides] = imageSides(input);
    const [, ...reached] = imageSides(output).map((side) => (side - 1) * stride + size);
    const even = new Float32Array(channels * size * size).fill(1 / size ** 2);
    const weight = graph.floats(`${name}.even`, [channels, 1, size, size], even);
    const back = graph.node('ConvTranspose', [slopes, weight], `${name}.back`, {
      ...poolAttributes(layer),
      group: channels,
      output_padding: sides.map((side, axis) => side - reached[axis]),
    });
    return plain(back);
  };
  return { value: plain(after), wayBack };
};

export const lowerGlobalPool: Lower<'globalPool'> = (context, { name, input }, before, after) => {
  const { graph, batch } = context;
  const [channels, height, width] = imageSides(input);
  const means = graph.node('GlobalAveragePool', [inPlain(context, before, input)], `${name}.means`);
  graph.node('Reshape', [means, graph.integers([batch, channels])], after);
  const wayBack: WayBack = (gradient) => {
    const sides = graph.integers([batch, channels, 1, 1]);
    const pixel = graph.node('Reshape', [gradient.name, sides], `${name}.pixel`);
    const even = new Float32Array(height * width).fill(1 / (height * width));
    const shares = graph.floats(`${name}.even`, [height, width], even);
    return plain(graph.node('Mul', [pixel, shares], `${name}.back`));
  };
  return { value: plain(after), wayBack };
};

type Tiled = PlannedLayer & { readonly layer: { readonly size: number } };

/** Name of `value` in the layout of `other`. */
function alike(context: LoweringContext, value: Value, other: Value, shape: PlannedLayer['input']): string {
  return other.blocked ? inBlocks(context, value) : inPlain(context, value, shape);
}

/** The part of the layer's input that windows side by side cover. */
function coveredPart(context: LoweringContext, planned: Tiled, value: Value): string {
  const { graph } = context;
  const [channels, height, width] = imageSides(planned.input);
  const [rows, columns] = coveredSides(planned);
  if (rows === height && columns === width) return value.name;
  const slice = (input: string, _: number, out: string): string =>
    graph.node(
      'Slice',
      [input, graph.integers([0, 0]), graph.integers([rows, columns]), graph.integers([2, 3])],
      out,
    );
  const out = `${planned.name}.covered`;
  return onPixels(context, value, channels, [height, width], [rows, columns], slice, out).name;
}

function paddedToInput(context: LoweringContext, planned: Tiled, value: Value, out: string): Value {
  const { graph } = context;
  const [channels, height, width] = imageSides(planned.input);
  const [rows, columns] = coveredSides(planned);
  if (rows === height && columns === width) return value;
  const ends = [0, 0, height - rows, width - columns, 0];
  const pad = (input: string, rank: number, padded: string): string =>
    graph.node(
      'Pad',
      [input, graph.integers([...new Array<number>(rank).fill(0), ...ends.slice(0, rank)])],
      padded,
    );
  return onPixels(context, value, channels, [rows, columns], [height, width], pad, out);
}

function coveredSides({ output, layer }: Tiled): readonly [number, number] {
  const [, rows, columns] = imageSides(output);
  return [rows * layer.size, columns * layer.size];
}

/** Each value `size` times across and down. */
function enlarged({ graph }: LoweringContext, value: Value, size: number, out: string): string {
  if (value.blocked) {
    const attributes = { scales: [1, 1, size, size], mode: 'nearest' };
    return graph.node('Upsample', [value.name], out, attributes, BLOCKED_DOMAIN);
  }
  const scales = graph.floats(`${out}.scales`, [4], Float32Array.of(1, 1, size, size));
  return graph.node('Resize', [value.name, '', scales], out, {
    mode: 'nearest',
    nearest_mode: 'floor',
    coordinate_transformation_mode: 'asymmetric',
  });
}
