import { SpectaError } from '../platform/errors.ts';
import { elementCount, type Network, networkParameters, networkStatistics } from './network.ts';
import type { Random } from './random.ts';

/** The trained values by parameter name, and the gathered statistics by theirs; row-major. */
export type Parameters = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/**
 * Fresh parameters: weights uniform within ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010), biases 0.
 * Batch normalisation starts as if every channel had mean 0 and variance 1.
 * The same `random` state gives the same values.
 */
export function initialParameters(network: Network, random: Random): Parameters {
  const parameters = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { name, dims, fanIn, fanOut } of networkParameters(network)) {
    const values = new Float32Array(elementCount(dims));
    if (fanIn > 0) {
      const limit = Math.sqrt(6 / (fanIn + fanOut));
      for (let i = 0; i < values.length; i++) values[i] = (random.next() * 2 - 1) * limit;
    }
    if (name.endsWith('.scale')) values.fill(1);
    parameters.set(name, values);
  }
  for (const { name, dims } of networkStatistics(network)) {
    parameters.set(name, new Float32Array(elementCount(dims)).fill(name.endsWith('.variance') ? 1 : 0));
  }
  return parameters;
}

/** A copy that later training steps leave as it is. */
export function copyParameters(parameters: Parameters): Parameters {
  return new Map([...parameters].map(([name, values]) => [name, values.slice()]));
}

/** The values called `name`. Throws `DATA_INVALID` where the set has none. */
export function parameterValues(parameters: Parameters, name: string): Float32Array<ArrayBuffer> {
  const values = parameters.get(name);
  if (values) return values;
  throw new SpectaError(
    'DATA_INVALID',
    `no values for parameter ${name}`,
    'Use parameters that were made for this network.',
  );
}
