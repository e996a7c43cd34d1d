import { copyParameters, type Parameters } from './parameters.ts';

/**
 * A running mean of a network's parameters over its training: of all so far in the first steps, then an exponential one.
 * What it says leaps less from epoch to epoch than the network of any one step, and it carries over to other pictures
 * better (Polyak and Juditsky 1992; Cha et al., SWAD, 2021). The statistics of batch normalisation are averaged too.
 */
export class WeightAverage {
  private readonly decay: number;
  private readonly mean: Parameters;

  /**
   * @param decay share of the old mean that a step leaves, 0..1
   * @param start the mean of what was done before; copied
   */
  constructor(decay: number, start: Parameters) {
    this.decay = decay;
    this.mean = copyParameters(start);
  }

  /** A view: it changes with the next step. */
  get parameters(): Parameters {
    return this.mean;
  }

  /** Takes in the parameters after a step; `done` steps were taken in before. */
  add(parameters: Parameters, done: number): void {
    const share = Math.max(1 - this.decay, 1 / (done + 1));
    for (const [name, values] of parameters) {
      const mean = this.mean.get(name);
      if (!mean) continue;
      for (let i = 0; i < mean.length; i++) mean[i] += share * (values[i] - mean[i]);
    }
  }
}
