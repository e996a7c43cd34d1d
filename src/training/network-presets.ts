import type { OutputKind } from '../domain/manifest.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import type { Network } from './network.ts';

/** What the output layer says: `softmax` over classes, or an independent `sigmoid` for each unit. */
export interface OutputHead {
  readonly kind: OutputKind;
  readonly units: number;
}

type Preset = (head: OutputHead) => Network;

/**
 * The original system's network: two blocks of 3x3 convolution with 32 filters, ReLU and 2x2 max pooling,
 * then dropout and one dense layer. With one sigmoid unit it has 316,897 parameters.
 */
const spectaTwoBlocks: Preset = (head) => ({
  name: 'specta-32x2',
  input: { channels: 1, height: 400, width: 400 },
  layers: [
    { kind: 'conv', filters: 32, kernel: 3, stride: 1, padding: 0 },
    { kind: 'relu' },
    { kind: 'maxPool', size: 2, stride: 2 },
    { kind: 'conv', filters: 32, kernel: 3, stride: 1, padding: 0 },
    { kind: 'relu' },
    { kind: 'maxPool', size: 2, stride: 2 },
    { kind: 'dropout', rate: 0.2 },
    { kind: 'flatten' },
    { kind: 'dense', units: head.units },
  ],
  output: head,
});

const PRESETS: Readonly<Record<string, Preset>> = { 'specta-32x2': spectaTwoBlocks };

/** Names that {@link presetNetwork} knows. */
export const PRESET_NAMES: readonly string[] = Object.keys(PRESETS);

/** The head SPECTA ships: one independent sigmoid for each defect, so that a crack in rust can be both. */
export const DEFECT_HEAD: OutputHead = { kind: 'sigmoid', units: DEFECT_CLASSES.length };

/** The network called `name` with the output `head`. Throws `USAGE` for an unknown name. */
export function presetNetwork(name: string, head: OutputHead): Network {
  const preset = PRESETS[name];
  if (preset) return preset(head);
  throw new SpectaError(
    'USAGE',
    `there is no network called ${name}`,
    `Choose one of: ${PRESET_NAMES.join(', ')}.`,
  );
}
