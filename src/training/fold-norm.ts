import { type Layer, type Network, NORM_EPSILON, planNetwork } from './network.ts';
import { type Parameters, parameterValues } from './parameters.ts';

/** A network with its parameters. */
export interface TrainedNetwork {
  readonly network: Network;
  readonly parameters: Parameters;
}

/**
 * The same function without batch normalisation: each layer before one takes its scale and offset over.
 * Weight' = weight · scale / √(variance + ε), bias' = offset + (bias − mean) · scale / √(variance + ε).
 * Layers keep their names. A network without batch normalisation comes back as it is.
 * Throws `DATA_INVALID` where a parameter or statistic is missing.
 */
export function foldBatchNorm(network: Network, parameters: Parameters): TrainedNetwork {
  const planned = planNetwork(network);
  if (!planned.some(({ layer }) => layer.kind === 'batchNorm')) return { network, parameters };
  const folded = new Map(parameters);
  for (const [index, { name, layer }] of planned.entries()) {
    if (layer.kind !== 'batchNorm') continue;
    const before = planned[index - 1];
    const [scale, offset, mean, variance] = ['scale', 'offset', 'mean', 'variance'].map((role) => {
      folded.delete(`${name}.${role}`);
      return parameterValues(parameters, `${name}.${role}`);
    });
    const factors = scale.map((value, i) => value / Math.sqrt(variance[i] + NORM_EPSILON));
    const weight = parameterValues(parameters, `${before.name}.weight`);
    const bias = parameters.get(`${before.name}.bias`);
    const each = weight.length / factors.length;
    folded.set(
      `${before.name}.weight`,
      weight.map((value, i) => value * factors[Math.floor(i / each)]),
    );
    folded.set(
      `${before.name}.bias`,
      offset.map((value, i) => value + ((bias?.[i] ?? 0) - mean[i]) * factors[i]),
    );
  }
  return { network: withoutNorm(network), parameters: folded };
}

/** The network that {@link foldBatchNorm} gives: its layers alone. */
export function withoutNorm(network: Network): Network {
  const layers: Layer[] = [];
  for (const [index, layer] of network.layers.entries()) {
    if (layer.kind === 'batchNorm') continue;
    const folds = network.layers[index + 1]?.kind === 'batchNorm' && 'bias' in layer;
    layers.push(folds ? { ...layer, bias: true } : layer);
  }
  return { ...network, layers };
}
