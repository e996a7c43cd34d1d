import {
  biasInBlocks,
  blockedConv,
  canBlock,
  depthwiseKernelInBlocks,
  inBlocks,
  inPlain,
  kernelInBlocks,
  onPixels,
  wholeBlocks,
} from './blocked-layout.ts';
import {
  blocked,
  imageSides,
  type Lower,
  type LoweringContext,
  plain,
  type Value,
  type WayBack,
} from './gradient-lowering.ts';
import { GRADIENT_NAMES } from './gradient-names.ts';
import type { Layer, PlannedLayer } from './network.ts';
import { phasesOf, type StridePhase } from './stride-phases.ts';
import type { ConvWindow } from './window-attributes.ts';

type PlannedConv = PlannedLayer & { readonly layer: ConvWindow };

/** Whether {@link lowerBlockedConv} can do it: channel counts that the layout takes, and a stride it can go back through. */
export function blockedConvFits(
  { block }: LoweringContext,
  planned: PlannedLayer & { readonly layer: Extract<Layer, { kind: 'conv' }> },
): boolean {
  const [channels] = imageSides(planned.input);
  return (
    block > 1 &&
    canBlock(planned.layer.filters) &&
    (channels < block || canBlock(channels)) &&
    phasesOf(planned) !== null
  );
}

/** Whether {@link lowerBlockedDepthwise} can do it. */
export function blockedDepthwiseFits({ block }: LoweringContext, planned: PlannedConv): boolean {
  const [channels] = imageSides(planned.input);
  return block > 1 && canBlock(channels) && phasesOf(planned) !== null;
}

/**
 * A convolution in the runtime's blocked layout, forward and back.
 * - By the input: the output's derivative under the mirrored kernel, one convolution for each phase of the stride.
 * - By the kernel: again a convolution. Channels take the place of images, images that of channels, and the output's
 *   derivative is the kernel, as large as the picture: dW[c, f, i, j] = Σ_n Σ_y,x x[n, c, s·y + i, s·x + j] · dy[n, f, y, x].
 */
export const lowerBlockedConv: Lower<'conv'> = (context, planned, before, after) => {
  const { block } = context;
  const { name, layer, parameters } = planned;
  const { kernel, stride, padding } = layer;
  const [channels] = imageSides(planned.input);
  const [weight, bias] = parameters;
  const sides = [kernel, kernel] as const;
  const shape = { filters: layer.filters, channels };
  const images = channels < block ? inPlain(context, before, planned.input) : inBlocks(context, before);
  const laid = kernelInBlocks(context, { value: weight.name, sides, ...shape }, false, `${name}.laid`);
  const offsets = bias && biasInBlocks(context, bias.name, layer.filters, `${name}.offsets`);
  const pads = [padding, padding, padding, padding] as const;
  const window = { kernel: sides, pads, stride };
  const inputs = [images, laid, ...(offsets === undefined ? [] : [offsets])];
  blockedConv(context, inputs, window, after);
  const wayBack: WayBack = (gradient, wanted) => {
    const slopes = inBlocks(context, gradient);
    kernelDerivative(context, planned, before, slopes);
    if (!wanted) return null;
    // Fewer filters than a block go in as they are.
    const seen = layer.filters < block ? inPlain(context, gradient, planned.output) : slopes;
    return throughPhases(context, planned, (phase, out) => {
      const part = phaseKernel(context, weight.name, phase, out);
      const mirrored = { value: part, sides: phase.kernel, ...shape };
      const turned = kernelInBlocks(context, mirrored, true, `${out}.laid`);
      return blockedConv(context, [seen, turned], phase, out);
    });
  };
  return { value: blocked(after), wayBack };
};

/** A depthwise convolution in the runtime's blocked layout, forward and back; see {@link lowerBlockedConv}. */
export const lowerBlockedDepthwise: Lower<'depthwise'> = (context, planned, before, after) => {
  const { graph, batch, block } = context;
  const { name, layer, parameters } = planned;
  const { kernel, stride } = layer;
  const [channels] = imageSides(planned.input);
  const [, height, width] = imageSides(planned.output);
  const all = wholeBlocks(channels, block);
  const [weight, bias] = parameters;
  const sides = [kernel, kernel] as const;
  const reached = reachedPart(context, planned, before);
  const images = inBlocks(context, reached.value);
  const laid = depthwiseKernelInBlocks(context, weight.name, channels, sides, `${name}.laid`);
  const offsets = bias && biasInBlocks(context, bias.name, channels, `${name}.offsets`);
  const inputs = [images, laid, ...(offsets === undefined ? [] : [offsets])];
  blockedConv(context, inputs, { kernel: sides, stride, group: all }, after);
  const wayBack: WayBack = (gradient, wanted) => {
    const slopes = inBlocks(context, gradient);
    const planes = batch * all;
    const lying = graph.integers([1, planes, ...reached.sides]);
    const flat = graph.node('Reshape', [images, lying], `${name}.images`);
    const windows = graph.integers([planes, 1, height, width]);
    const kernels = graph.node('Reshape', [slopes, windows], `${name}.windows`);
    const window = { kernel: [height, width], dilation: stride, group: planes } as const;
    const found = blockedConv(context, [flat, kernels], window, `${name}.found`);
    const planeSums = inPlain(context, blocked(found), [planes, kernel, kernel]);
    const byImage = graph.node(
      'Reshape',
      [planeSums, graph.integers([batch, all, 1, kernel, kernel])],
      `${name}.byImage`,
    );
    const summed = graph.node('ReduceSum', [byImage, graph.integers([0])], `${name}.summed`, { keepdims: 0 });
    const ends = [graph.integers([0]), graph.integers([channels]), graph.integers([0])];
    graph.node('Slice', [summed, ...ends], GRADIENT_NAMES.gradient(weight.name));
    if (!wanted) return null;
    return throughPhases(context, planned, (phase, out) => {
      const part = phaseKernel(context, weight.name, phase, out);
      const mirrored = depthwiseKernelInBlocks(context, part, channels, phase.kernel, `${out}.laid`);
      return blockedConv(context, [slopes, mirrored], { ...phase, group: all }, out);
    });
  };
  return { value: blocked(after), wayBack };
};

/** The layer's input with its padding, and without the pixels at the far edge that no window reaches. */
function reachedPart(
  context: LoweringContext,
  planned: PlannedConv,
  before: Value,
): { value: Value; sides: readonly [number, number] } {
  const { graph } = context;
  const { kernel, stride, padding } = planned.layer;
  const [channels, height, width] = imageSides(planned.input);
  const [, rows, columns] = imageSides(planned.output);
  const sides = [(rows - 1) * stride + kernel, (columns - 1) * stride + kernel] as const;
  const ends = [sides[0] - padding - height, sides[1] - padding - width];
  if (padding === 0 && ends[0] === 0 && ends[1] === 0) return { value: before, sides };
  const pad = (input: string, rank: number, out: string): string => {
    const inner = rank === 5 ? [0] : [];
    const pads = graph.integers([0, 0, padding, padding, ...inner, 0, 0, ...ends, ...inner]);
    return graph.node('Pad', [input, pads], out);
  };
  const out = `${planned.name}.reached`;
  return { value: onPixels(context, before, channels, [height, width], sides, pad, out), sides };
}

/** Adds the derivative by the kernel. Images are taken fewer than a block at a time, which the layout asks for. */
function kernelDerivative(
  context: LoweringContext,
  planned: PlannedLayer & { readonly layer: Extract<Layer, { kind: 'conv' }> },
  before: Value,
  slopes: string,
): void {
  const { graph, batch, block } = context;
  const { name, layer, parameters } = planned;
  const [, rows, columns] = imageSides(planned.output);
  const filters = wholeBlocks(layer.filters, block);
  const reached = reachedPart(context, planned, plain(inPlain(context, before, planned.input)));
  const turned = graph.node('Transpose', [reached.value.name], `${name}.turned`, { perm: [1, 0, 2, 3] });
  const planes = graph.integers([batch, filters / block, rows * columns * block]);
  const apart = graph.node('Reshape', [slopes, planes], `${name}.apart`);
  const inner = batch === 1 ? apart : graph.node('Transpose', [apart], `${name}.inner`, { perm: [1, 0, 2] });
  const parts = Math.ceil(batch / (block - 1));
  let sum = '';
  for (let part = 0; part < parts; part++) {
    const [start, end] = [Math.floor((part * batch) / parts), Math.floor(((part + 1) * batch) / parts)];
    const ends = [graph.integers([start]), graph.integers([end]), graph.integers([1])];
    const all = parts === 1;
    const images = all ? turned : graph.node('Slice', [turned, ...ends], `${name}.images${part}`);
    const some = all ? inner : graph.node('Slice', [inner, ...ends], `${name}.some${part}`);
    const shape = graph.integers([filters, end - start, rows, columns]);
    const windows = graph.node('Reshape', [some, shape], `${name}.windows${part}`);
    const window = { kernel: [rows, columns], dilation: layer.stride } as const;
    const found = blockedConv(context, [images, windows], window, `${name}.found${part}`);
    sum = sum === '' ? found : graph.node('Add', [sum, found], `${name}.sum${part}`);
  }
  const whole = inPlain(context, blocked(sum), [layer.filters, layer.kernel, layer.kernel]);
  graph.node('Transpose', [whole], GRADIENT_NAMES.gradient(parameters[0].name), { perm: [1, 0, 2, 3] });
}

/** The positions of a kernel that one phase of the stride uses, mirrored. */
function phaseKernel({ graph }: LoweringContext, weight: string, phase: StridePhase, out: string): string {
  // Far below zero, so that a walk down the axis takes its first place too.
  const bottom = -1000;
  return graph.node(
    'Slice',
    [
      weight,
      graph.integers(phase.last),
      graph.integers([bottom, bottom]),
      graph.integers([2, 3]),
      graph.integers([-phase.step, -phase.step]),
    ],
    `${out}.part`,
  );
}

/** The derivative by the input: one convolution for each phase of the stride, then the phases side by side. */
function throughPhases(
  context: LoweringContext,
  planned: PlannedConv,
  convolve: (phase: StridePhase, out: string) => string,
): Value {
  const { graph, batch } = context;
  const { name, layer } = planned;
  const { stride } = layer;
  const [channels, height, width] = imageSides(planned.input);
  const phases = phasesOf(planned) ?? [];
  const out = `${name}.back`;
  if (stride === 1) {
    const value = blocked(convolve(phases[0], out));
    // Fewer channels than a block have no blocked form of their own.
    return canBlock(channels) ? value : plain(inPlain(context, value, planned.input));
  }
  const values = phases.map((phase, index) =>
    inPlain(context, blocked(convolve(phase, `${out}${index}`)), planned.input),
  );
  const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)];
  const flat = graph.integers([batch, channels, 1, rows * columns]);
  const stacked = graph.node(
    'Concat',
    values.map((value) => graph.node('Reshape', [value, flat], `${value}.flat`)),
    `${out}.stacked`,
    { axis: 2 },
  );
  const split = graph.integers([batch, channels, stride, stride, rows, columns]);
  const apart = graph.node('Reshape', [stacked, split], `${out}.apart`);
  const woven = graph.node('Transpose', [apart], `${out}.woven`, { perm: [0, 1, 4, 2, 5, 3] });
  const whole = graph.integers([batch, channels, rows * stride, columns * stride]);
  if (rows * stride === height && columns * stride === width)
    return plain(graph.node('Reshape', [woven, whole], out));
  const larger = graph.node('Reshape', [woven, whole], `${out}.larger`);
  const ends = [graph.integers([0, 0]), graph.integers([height, width]), graph.integers([2, 3])];
  return plain(graph.node('Slice', [larger, ...ends], out));
}
