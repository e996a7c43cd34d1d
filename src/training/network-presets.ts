import type { OutputKind } from '../domain/manifest.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import type { Layer, Network } from './network.ts';
import { type GridPoint, gridLayers, gridNameOf, parseGridName } from './network-grid.ts';

/** What the output layer says: `softmax` over classes, or an independent `sigmoid` for each unit. */
export interface OutputHead {
  readonly kind: OutputKind;
  readonly units: number;
}

interface Preset {
  readonly input: Network['input'];
  /** All but the last, dense layer. */
  readonly layers: readonly Layer[];
}

const ORIGINAL_INPUT = { channels: 1, height: 400, width: 400 };
const RELU: Layer = { kind: 'relu' };
const NORM: Layer = { kind: 'batchNorm' };
const HALVE: Layer = { kind: 'maxPool', size: 2, stride: 2 };

/** The original system's network is one point of its grid. With one sigmoid unit it has 316,897 parameters. */
const ORIGINAL_POINT: GridPoint = { convBlocks: 2, layerSize: 32, denseLayers: 0 };

/** LeNet-5 as the lecture builds it: ReLU and average pooling. With ten softmax units it has 61,706 parameters. */
const LENET5: readonly Layer[] = [
  { kind: 'conv', filters: 6, kernel: 5, stride: 1, padding: 0 },
  RELU,
  { kind: 'averagePool', size: 2, stride: 2 },
  { kind: 'conv', filters: 16, kernel: 5, stride: 1, padding: 0 },
  RELU,
  { kind: 'averagePool', size: 2, stride: 2 },
  { kind: 'flatten' },
  { kind: 'dense', units: 120 },
  RELU,
  { kind: 'dense', units: 84 },
  RELU,
];

/** A strided convolution: the picture at half its size in `filters` channels. */
function stem(filters: number): readonly Layer[] {
  return [{ kind: 'conv', filters, kernel: 3, stride: 2, padding: 1, bias: false }, NORM, RELU];
}

/**
 * A depthwise convolution and a pointwise one. Nothing stands between them (as in Chollet's Xception, 2017), which saves
 * passes over memory.
 */
function separable(filters: number): readonly Layer[] {
  return [
    { kind: 'depthwise', kernel: 3, stride: 1, padding: 1, bias: false },
    { kind: 'conv', filters, kernel: 1, stride: 1, padding: 0, bias: false },
    NORM,
    RELU,
  ];
}

/** Depthwise-separable blocks of growing width, then the mean of each channel: where a defect lies does not matter. */
function separableNetwork(side: number, first: number, stages: readonly (readonly number[])[]): Preset {
  return {
    input: { channels: 1, height: side, width: side },
    layers: [
      ...stem(first),
      ...stages.flatMap((widths, index) => [...(index > 0 ? [HALVE] : []), ...widths.flatMap(separable)]),
      { kind: 'globalPool' },
      { kind: 'dropout', rate: 0.2 },
    ],
  };
}

const PRESETS: Readonly<Record<string, Preset>> = {
  'specta-32x2': { input: ORIGINAL_INPUT, layers: gridLayers(ORIGINAL_POINT) },
  lenet5: { input: { channels: 1, height: 32, width: 32 }, layers: LENET5 },
  'separable-tiny': separableNetwork(160, 16, [[24], [48], [64], [96]]),
  'separable-small': separableNetwork(192, 16, [[32], [64], [96, 96], [128, 128]]),
  'separable-medium': separableNetwork(224, 24, [[48], [96, 96], [128, 128], [192, 192], [256]]),
};

/** Names that {@link presetNetwork} knows, besides those of the grid (`2-conv-32-nodes-0-dense`). */
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

/** The head SPECTA ships: one independent sigmoid for each defect, so that a crack in rust can be both. */
export const DEFECT_HEAD: OutputHead = { kind: 'sigmoid', units: DEFECT_CLASSES.length };

/** The output that a network had where it comes from: LeNet-5's ten digits; undefined where it goes by the task. */
export function presetHead(name: string): OutputHead | undefined {
  return name === 'lenet5' ? { kind: 'softmax', units: 10 } : undefined;
}

/**
 * The network called `name` with the output `head`: a preset, or a point of the original's grid.
 * @param input replaces what the preset takes, where given
 * Throws `USAGE` for an unknown name.
 */
export function presetNetwork(
  name: string,
  head: OutputHead,
  input: Partial<Network['input']> = {},
): Network {
  const point = parseGridName(name);
  const preset = point ? { input: ORIGINAL_INPUT, layers: gridLayers(point) } : PRESETS[name];
  if (!preset) {
    throw new SpectaError(
      'USAGE',
      `there is no network called ${name}`,
      `Choose one of ${PRESET_NAMES.join(', ')}, or one of the original's grid as ${gridNameOf(ORIGINAL_POINT)}.`,
    );
  }
  return {
    name,
    input: { ...preset.input, ...input },
    layers: [...preset.layers, { kind: 'dense', units: head.units }],
    output: head,
  };
}

/** The name that a run of this network has in TensorBoard: in the original's way, `2-conv-32-nodes-0-dense-<time>`. */
export function runNameOf(network: Network, utcMs: number): string {
  const name = network.name === 'specta-32x2' ? gridNameOf(ORIGINAL_POINT) : network.name;
  return `${name}-${Math.floor(utcMs / 1000)}`;
}
