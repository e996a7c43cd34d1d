import { InferenceSession, Tensor } from 'onnxruntime-node';
import { imageSides, type LoweringContext, type Value } from './gradient-lowering.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { Shape } from './network.ts';
import { writeOnnxModel } from './onnx-file.ts';
import { BLOCKED_DOMAIN } from './runtime-domains.ts';

/** The runtime puts this many channels into its blocked layout at once. */
const CHANNEL_STEP = 4;

/**
 * Channels in a block of the runtime's own image layout on this processor (8 or 16), found by asking it;
 * 1 where it has no such layout, and its plain operators must do.
 */
export async function blockOfRuntime(): Promise<number> {
  const graph = new GraphBuilder();
  graph.input('probe', 'float32', [1, CHANNEL_STEP, 1, 1]);
  graph.node('ReorderInput', ['probe'], 'blocked', {}, BLOCKED_DOMAIN);
  graph.output('blocked', 'float32', [1, 'block', 1, 1]);
  const model = writeOnnxModel(graph.build('probe'), { domains: { [BLOCKED_DOMAIN]: 1 } });
  try {
    const session = await InferenceSession.create(model, {
      executionProviders: ['cpu'],
      logSeverityLevel: 4,
    });
    const probe = new Tensor('float32', new Float32Array(CHANNEL_STEP), [1, CHANNEL_STEP, 1, 1]);
    const block = (await session.run({ probe })).blocked?.dims[1] ?? 1;
    await session.release();
    return block > CHANNEL_STEP ? block : 1;
  } catch {
    // A processor without the layout: its operators are not there, which is the answer.
    return 1;
  }
}

/** Whether images of so many channels can be brought into the layout. */
export function canBlock(channels: number): boolean {
  return channels % CHANNEL_STEP === 0;
}

/** `count` up to a whole number of blocks. */
export function wholeBlocks(count: number, block: number): number {
  return Math.ceil(count / block) * block;
}

/** Name of the value in blocks; missing channels are zeros. */
export function inBlocks({ graph }: LoweringContext, value: Value): string {
  if (value.blocked) return value.name;
  return graph.once(`${value.name}.blocked`, (out) =>
    graph.node('ReorderInput', [value.name], out, {}, BLOCKED_DOMAIN),
  );
}

/** Name of the value as [batch, channels, height, width]. */
export function inPlain({ graph }: LoweringContext, value: Value, shape: Shape): string {
  if (!value.blocked) return value.name;
  const [channels] = imageSides(shape);
  return graph.once(`${value.name}.plain`, (out) =>
    graph.node('ReorderOutput', [value.name], out, { channels }, BLOCKED_DOMAIN),
  );
}

/**
 * Adds an operator that works on rows and columns alone (axes 2 and 3), whatever the layout.
 * @param channels of the value
 * @param before and `after`: height and width
 */
export function onPixels(
  context: LoweringContext,
  value: Value,
  channels: number,
  before: readonly [number, number],
  after: readonly [number, number],
  build: (input: string, rank: number, out: string) => string,
  out: string,
): Value {
  if (!value.blocked) return { name: build(value.name, 4, out), blocked: false };
  const { graph, batch, block } = context;
  const all = wholeBlocks(channels, block);
  const apart = graph.integers([batch, all / block, ...before, block]);
  const opened = graph.node('Reshape', [value.name, apart], `${out}.opened`);
  const changed = build(opened, 5, `${out}.changed`);
  const name = graph.node('Reshape', [changed, graph.integers([batch, all, ...after])], out);
  return { name, blocked: true };
}

/** Sums over batch, rows and columns: one value for each channel. */
export function channelSums(context: LoweringContext, value: Value, shape: Shape, out: string): string {
  const { graph, batch, block } = context;
  if (!value.blocked)
    return graph.node('ReduceSum', [value.name, graph.integers([0, 2, 3])], out, { keepdims: 0 });
  const [channels, height, width] = imageSides(shape);
  const all = wholeBlocks(channels, block);
  // One pixel for each channel lies the same way in both layouts.
  const means = graph.node('GlobalAveragePool', [value.name], `${out}.means`, {}, BLOCKED_DOMAIN);
  const flat = graph.node('Reshape', [means, graph.integers([batch, all])], `${out}.flat`);
  const ends = [graph.integers([0]), graph.integers([channels]), graph.integers([1])];
  const known = all === channels ? flat : graph.node('Slice', [flat, ...ends], `${out}.known`);
  const sums = graph.node('ReduceSum', [known, graph.integers([0])], `${out}.ofMeans`, { keepdims: 0 });
  return graph.node('Mul', [sums, graph.scalar(height * width)], out);
}

/** The convolution operator of the layout; sides in pixels, pads top, left, bottom, right. */
export interface BlockedWindow {
  readonly kernel: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly stride?: number;
  readonly dilation?: number;
  readonly group?: number;
}

export function blockedConv(
  { graph }: LoweringContext,
  inputs: readonly string[],
  { kernel, pads = [0, 0, 0, 0], stride = 1, dilation = 1, group = 1 }: BlockedWindow,
  out: string,
): string {
  const attributes = {
    kernel_shape: kernel,
    pads,
    strides: [stride, stride],
    dilations: [dilation, dilation],
    group,
  };
  return graph.node('Conv', inputs, out, attributes, BLOCKED_DOMAIN);
}

/** A kernel [filters, channels, height, width] that is to be laid out. */
export interface Kernel {
  readonly value: string;
  readonly filters: number;
  readonly channels: number;
  readonly sides: readonly [number, number];
}

/**
 * A kernel as the convolution in blocks wants it: [outputs / block, inputs / block, height, width, block, block], or
 * with whole inputs where they are fewer than a block.
 * @param turned outputs are the kernel's channels, inputs its filters: the way back
 */
export function kernelInBlocks(
  context: LoweringContext,
  kernel: Kernel,
  turned: boolean,
  out: string,
): string {
  const { graph, block } = context;
  const { filters, channels, sides } = kernel;
  const inputs = turned ? filters : channels;
  const inputBlock = inputs < block ? 1 : block;
  const [filterBlock, channelBlock] = turned ? [inputBlock, block] : [block, inputBlock];
  const allFilters = wholeBlocks(filters, filterBlock);
  const allChannels = wholeBlocks(channels, channelBlock);
  const whole = padded(context, kernel.value, [allFilters - filters, allChannels - channels, 0, 0], out);
  const split = graph.node(
    'Reshape',
    [
      whole,
      graph.integers([
        allFilters / filterBlock,
        filterBlock,
        allChannels / channelBlock,
        channelBlock,
        sides[0] * sides[1],
      ]),
    ],
    `${out}.split`,
  );
  const perm = turned ? [2, 0, 4, 1, 3] : [0, 2, 4, 3, 1];
  const laid = graph.node('Transpose', [split], `${out}.laid`, { perm });
  const depth = turned ? [allChannels, allFilters] : [allFilters, allChannels];
  return graph.node('Reshape', [laid, graph.integers([...depth, ...sides])], out);
}

/** A depthwise kernel [channels, 1, height, width] in blocks of channels. */
export function depthwiseKernelInBlocks(
  context: LoweringContext,
  value: string,
  channels: number,
  sides: readonly [number, number],
  out: string,
): string {
  const { graph, block } = context;
  const all = wholeBlocks(channels, block);
  const whole = padded(context, value, [all - channels, 0, 0, 0], out);
  const shape = graph.integers([all / block, block, sides[0] * sides[1]]);
  const split = graph.node('Reshape', [whole, shape], `${out}.split`);
  const laid = graph.node('Transpose', [split], `${out}.laid`, { perm: [0, 2, 1] });
  return graph.node('Reshape', [laid, graph.integers([all, 1, ...sides])], out);
}

/** A bias filled up to whole blocks. */
export function biasInBlocks(context: LoweringContext, value: string, length: number, out: string): string {
  return padded(context, value, [wholeBlocks(length, context.block) - length], out);
}

/** Zeros behind each axis; no node where there are none to add. */
function padded({ graph }: LoweringContext, value: string, ends: readonly number[], out: string): string {
  if (ends.every((end) => end === 0)) return value;
  return graph.node('Pad', [value, graph.integers([...ends.map(() => 0), ...ends])], `${out}.whole`);
}
