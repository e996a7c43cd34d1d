import { SpectaError } from '../platform/errors.ts';
import type { Layer } from './network.ts';

/** A point of the original's grid of networks. */
export interface GridPoint {
  /** 3x3 convolution, ReLU, 2x2 max pooling; at least 1. */
  readonly convBlocks: number;
  /** Filters of each convolution and units of each hidden dense layer. */
  readonly layerSize: number;
  /** Hidden dense layers, each with ReLU and dropout. */
  readonly denseLayers: number;
}

const NAME = /^(\d+)-conv-(\d+)-nodes-(\d+)-dense$/;

/** `2-conv-32-nodes-0-dense`: the original's name of a point, without the time of the run. */
export function gridNameOf({ convBlocks, layerSize, denseLayers }: GridPoint): string {
  return `${convBlocks}-conv-${layerSize}-nodes-${denseLayers}-dense`;
}

/** The point that a name stands for; null where it is no such name. */
export function parseGridName(name: string): GridPoint | null {
  const [, convBlocks, layerSize, denseLayers] = (NAME.exec(name) ?? []).map(Number);
  if (!convBlocks || !layerSize || denseLayers === undefined) return null;
  return { convBlocks, layerSize, denseLayers };
}

/** All layers of a point but the last, dense one. */
export function gridLayers({ convBlocks, layerSize, denseLayers }: GridPoint): Layer[] {
  const block: Layer[] = [
    { kind: 'conv', filters: layerSize, kernel: 3, stride: 1, padding: 0 },
    { kind: 'relu' },
    { kind: 'maxPool', size: 2, stride: 2 },
  ];
  const hidden: Layer[] = [
    { kind: 'dense', units: layerSize },
    { kind: 'relu' },
    { kind: 'dropout', rate: 0.2 },
  ];
  return [
    ...Array.from({ length: convBlocks }, () => block).flat(),
    { kind: 'dropout', rate: 0.2 },
    { kind: 'flatten' },
    ...Array.from({ length: denseLayers }, () => hidden).flat(),
  ];
}

/**
 * The names of a whole grid, from lists as in `1,2,3/32,64/0,1,2`: conv blocks, layer sizes, dense layers.
 * Throws `USAGE` for what is no such text.
 */
export function parseGrid(text: string): string[] {
  const [convBlocks = [], layerSizes = [], denseLayers = [], ...more] = text
    .split('/')
    .map((list) => list.split(',').map((item) => (/^\d+$/.test(item) ? Number(item) : Number.NaN)));
  const all = [...convBlocks, ...layerSizes, ...denseLayers];
  const names = convBlocks.flatMap((blocks) =>
    layerSizes.flatMap((layerSize) =>
      denseLayers.map((dense) => gridNameOf({ convBlocks: blocks, layerSize, denseLayers: dense })),
    ),
  );
  if (more.length === 0 && names.length > 0 && !all.some(Number.isNaN) && names.every(parseGridName))
    return names;
  throw new SpectaError(
    'USAGE',
    `"${text}" is no grid`,
    'Give conv blocks, layer sizes and dense layers, as in 1,2,3/32,64,128/0,1,2.',
  );
}
