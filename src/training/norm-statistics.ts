import type { Parameters } from './parameters.ts';

/** What one micro-batch saw has at least this share in the running averages. */
const LEAST_SHARE = 0.05;

/**
 * Brings batch normalisation's running mean and variance up to date, in place, with what one micro-batch saw: the mean
 * of all so far in the first steps, then an exponential one. The variance counts how far the means lie apart too.
 * @param names of the means; each variance has the same name with `.variance`
 * @param done micro-batches before this one
 */
export function gatherStatistics(
  parameters: Parameters,
  means: readonly string[],
  seen: ReadonlyMap<string, Float32Array>,
  done: number,
): void {
  const share = Math.max(LEAST_SHARE, 1 / (done + 1));
  for (const name of means) {
    const varianceName = name.replace(/mean$/, 'variance');
    const [mean, variance] = [parameters.get(name), parameters.get(varianceName)];
    const [seenMean, seenVariance] = [seen.get(name), seen.get(varianceName)];
    if (!mean || !variance || !seenMean || !seenVariance) continue;
    for (let i = 0; i < mean.length; i++) {
      const apart = seenMean[i] - mean[i];
      mean[i] += share * apart;
      variance[i] = (1 - share) * (variance[i] + share * apart * apart) + share * seenVariance[i];
    }
  }
}
