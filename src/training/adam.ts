import { copyParameters, type Parameters } from './parameters.ts';

export interface AdamOptions {
  readonly learningRate: number;
  /** Decay of the first moment. */
  readonly beta1: number;
  /** Decay of the second moment. */
  readonly beta2: number;
  /** Keeps the step finite where gradients vanish. */
  readonly epsilon: number;
}

/** The usual settings of Adam as in Keras. */
export const ADAM_DEFAULTS: AdamOptions = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };

/** Where Adam stands: steps done, and the running moments of each parameter's gradient. */
export interface AdamState {
  readonly steps: number;
  readonly first: Parameters;
  readonly second: Parameters;
}

/** Adam (Kingma and Ba 2015): steps scaled by running moments of the gradient. */
export class Adam {
  private readonly options: AdamOptions;
  private readonly first: Map<string, Float32Array<ArrayBuffer>>;
  private readonly second: Map<string, Float32Array<ArrayBuffer>>;
  private steps: number;

  /** @param state to go on from; it is not changed */
  constructor(options: AdamOptions = ADAM_DEFAULTS, state?: AdamState) {
    this.options = options;
    this.steps = state?.steps ?? 0;
    this.first = new Map(copyParameters(state?.first ?? new Map()));
    this.second = new Map(copyParameters(state?.second ?? new Map()));
  }

  /** Views of the moments: they change with the next step. */
  state(): AdamState {
    return { steps: this.steps, first: this.first, second: this.second };
  }

  /**
   * Changes `parameters` in place by one step against `gradients`.
   * @param share of the learning rate for this step and the parameter of that name, 0..1
   */
  step(
    parameters: Parameters,
    gradients: ReadonlyMap<string, Float32Array>,
    share: (name: string) => number = () => 1,
  ): void {
    const { beta1, beta2, epsilon } = this.options;
    this.steps++;
    const firstScale = 1 / (1 - beta1 ** this.steps);
    const secondScale = 1 / (1 - beta2 ** this.steps);
    for (const [name, gradient] of gradients) {
      const values = parameters.get(name);
      if (!values) continue;
      const learningRate = this.options.learningRate * share(name);
      const first = momentOf(this.first, name, values.length);
      const second = momentOf(this.second, name, values.length);
      for (let i = 0; i < values.length; i++) {
        const slope = gradient[i];
        const mean = beta1 * first[i] + (1 - beta1) * slope;
        const square = beta2 * second[i] + (1 - beta2) * slope * slope;
        first[i] = mean;
        second[i] = square;
        values[i] =
          values[i] - (learningRate * mean * firstScale) / (Math.sqrt(square * secondScale) + epsilon);
      }
    }
  }
}

function momentOf(
  moments: Map<string, Float32Array<ArrayBuffer>>,
  name: string,
  length: number,
): Float32Array {
  let moment = moments.get(name);
  if (!moment) {
    moment = new Float32Array(length);
    moments.set(name, moment);
  }
  return moment;
}
