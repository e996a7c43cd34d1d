import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { LoweringContext } from './gradient-lowering.ts';
import { GraphBuilder } from './graph-builder.ts';
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

/** A [batch, channels, height, width] value in blocks; missing channels are zeros. */
export function toBlocks({ graph }: LoweringContext, value: string, out: string): string {
  return graph.node('ReorderInput', [value], out, {}, BLOCKED_DOMAIN);
}

/** A value in blocks as [batch, channels, height, width]. */
export function fromBlocks({ graph }: LoweringContext, value: string, channels: number, out: string): string {
  return graph.node('ReorderOutput', [value], out, { channels }, BLOCKED_DOMAIN);
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
