import { channelSums, inPlain } from './blocked-layout.ts';
import {
  blockedConvFits,
  blockedDepthwiseFits,
  lowerBlockedConv,
  lowerBlockedDepthwise,
} from './conv-gradient-blocked.ts';
import {
  imageSides,
  type Lower,
  type Lowered,
  type LoweringContext,
  plain,
  type WayBack,
} from './gradient-lowering.ts';
import { GRADIENT_NAMES } from './gradient-names.ts';
import type { PlannedLayer } from './network.ts';
import { RUNTIME_DOMAIN } from './runtime-domains.ts';
import { type ConvWindow, windowAttributes } from './window-attributes.ts';

/** A convolution in the fastest of the ways that fit it. */
export const lowerConv: Lower<'conv'> = (context, planned, before, after) => {
  const { kernel, stride, padding } = planned.layer;
  const lowerOne =
    kernel === 1 && stride === 1 && padding === 0
      ? lowerPointwise
      : blockedConvFits(context, planned)
        ? lowerBlockedConv
        : lowerPlainConv;
  return withBias(context, planned, lowerOne(context, planned, before, after));
};

/** A convolution of each channel by itself in the fastest of the ways that fit it. */
export const lowerDepthwise: Lower<'depthwise'> = (context, planned, before, after) => {
  const lowerOne = blockedDepthwiseFits(context, planned) ? lowerBlockedDepthwise : lowerPlainDepthwise;
  return withBias(context, planned, lowerOne(context, planned, before, after));
};

function withBias(context: LoweringContext, planned: PlannedLayer, { value, wayBack }: Lowered): Lowered {
  const [, bias] = planned.parameters;
  if (!bias) return { value, wayBack };
  return {
    value,
    wayBack: (gradient, wanted) => {
      channelSums(context, gradient, planned.output, GRADIENT_NAMES.gradient(bias.name));
      return wayBack(gradient, wanted);
    },
  };
}

/** A kernel of one pixel: a product of matrices for each image, [filters, channels] by [channels, pixels]. */
const lowerPointwise: Lower<'conv'> = (context, planned, value, after) => {
  const { graph, batch } = context;
  const { name, layer, input, output, parameters } = planned;
  const before = inPlain(context, value, input);
  const [channels, height, width] = imageSides(input);
  const [weight] = parameters;
  graph.node('Conv', [before, ...parameters.map((each) => each.name)], after, windowAttributes(layer));
  const wayBack: WayBack = (slopes, wanted) => {
    const gradient = inPlain(context, slopes, output);
    const flat = (value: string, depth: number, out: string): string =>
      graph.node('Reshape', [value, graph.integers([batch, depth, height * width])], out);
    const rows = flat(gradient, layer.filters, `${name}.rows`);
    const columns = flat(before, channels, `${name}.columns`);
    const products = graph.node(
      'FusedMatMul',
      [rows, columns],
      `${name}.products`,
      { transB: 1 },
      RUNTIME_DOMAIN,
    );
    const summed = graph.node('ReduceSum', [products, graph.integers([0])], `${name}.summed`, {
      keepdims: 0,
    });
    graph.node('Reshape', [summed, graph.integers(weight.dims)], GRADIENT_NAMES.gradient(weight.name));
    if (!wanted) return null;
    const matrix = graph.node(
      'Reshape',
      [weight.name, graph.integers([layer.filters, channels])],
      `${name}.matrix`,
    );
    const back = graph.node(
      'FusedMatMul',
      [matrix, rows],
      `${name}.back.flat`,
      { transA: 1 },
      RUNTIME_DOMAIN,
    );
    return plain(graph.node('Reshape', [back, graph.integers([batch, ...input])], `${name}.back`));
  };
  return { value: plain(after), wayBack };
};

/**
 * For any convolution. For each kernel position the input is shifted (and thinned by the stride) to lie under the
 * output; the kernel's derivative is the product of the output's derivative with those shifts.
 */
const lowerPlainConv: Lower<'conv'> = (context, planned, value, after) => {
  const { graph, batch } = context;
  const before = inPlain(context, value, planned.input);
  const { name, layer, parameters } = planned;
  const { kernel, stride, padding } = layer;
  const [channels] = imageSides(planned.input);
  const [filters, height, width] = imageSides(planned.output);
  const [weight] = parameters;
  graph.node('Conv', [before, ...parameters.map((each) => each.name)], after, windowAttributes(layer));
  const wayBack: WayBack = (slopes, wanted) => {
    const gradient = inPlain(context, slopes, planned.output);
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
    const flat = graph.integers([batch, filters, height * width]);
    const rows = graph.node('Reshape', [gradient, flat], `${name}.rows`);
    const products = graph.node(
      'FusedMatMul',
      [rows, columns],
      `${name}.products`,
      { transB: 1 },
      RUNTIME_DOMAIN,
    );
    const summed = graph.node('ReduceSum', [products, graph.integers([0])], `${name}.summed`, {
      keepdims: 0,
    });
    const positions = graph.integers([filters, kernel * kernel, channels]);
    const split = graph.node('Reshape', [summed, positions], `${name}.split`);
    const turned = graph.node('Transpose', [split], `${name}.turned`, { perm: [0, 2, 1] });
    graph.node('Reshape', [turned, graph.integers(weight.dims)], GRADIENT_NAMES.gradient(weight.name));
    if (!wanted) return null;
    const back = graph.node('ConvTranspose', [gradient, weight.name], `${name}.back`, transposed(planned));
    return plain(back);
  };
  return { value: plain(after), wayBack };
};

/** For any depthwise convolution. */
const lowerPlainDepthwise: Lower<'depthwise'> = (context, planned, value, after) => {
  const { graph, batch } = context;
  const before = inPlain(context, value, planned.input);
  const { name, layer, parameters } = planned;
  const { kernel, stride, padding } = layer;
  const [channels, inputHeight, inputWidth] = imageSides(planned.input);
  const [, height, width] = imageSides(planned.output);
  const [weight] = parameters;
  const group = { group: channels };
  const names = parameters.map((each) => each.name);
  graph.node('Conv', [before, ...names], after, { ...windowAttributes(layer), ...group });
  const wayBack: WayBack = (slopes, wanted) => {
    const gradient = inPlain(context, slopes, planned.output);
    // The kernel's derivative is the input under a "kernel" that is the output's derivative, image by image.
    const planes = batch * channels;
    const lying = graph.integers([1, planes, inputHeight, inputWidth]);
    const images = graph.node('Reshape', [before, lying], `${name}.images`);
    const kernels = graph.integers([planes, 1, height, width]);
    const windows = graph.node('Reshape', [gradient, kernels], `${name}.windows`);
    const over = graph.node('Conv', [images, windows], `${name}.over`, {
      kernel_shape: [height, width],
      dilations: [stride, stride],
      pads: [padding, padding, padding, padding],
      group: planes,
    });
    // Pixels that no window reaches give further rows and columns.
    const reached = graph.node(
      'Slice',
      [over, graph.integers([0, 0]), graph.integers([kernel, kernel]), graph.integers([2, 3])],
      `${name}.reached`,
    );
    const byImage = graph.node(
      'Reshape',
      [reached, graph.integers([batch, ...weight.dims])],
      `${name}.byImage`,
    );
    const summed = GRADIENT_NAMES.gradient(weight.name);
    graph.node('ReduceSum', [byImage, graph.integers([0])], summed, { keepdims: 0 });
    if (!wanted) return null;
    const attributes = { ...transposed(planned), ...group };
    return plain(graph.node('ConvTranspose', [gradient, weight.name], `${name}.back`, attributes));
  };
  return { value: plain(after), wayBack };
};

/** The attributes of the `ConvTranspose` that goes back through a convolution. */
function transposed(planned: PlannedLayer & { readonly layer: ConvWindow }) {
  const { kernel, stride, padding } = planned.layer;
  const [, ...inputs] = imageSides(planned.input);
  const [, ...outputs] = imageSides(planned.output);
  // Rows and columns at the far edge that no window reaches, because the stride skips them.
  const unreached = inputs.map((side, axis) => side - ((outputs[axis] - 1) * stride + kernel - 2 * padding));
  return { ...windowAttributes(planned.layer), output_padding: unreached };
}
