/** Names of a gradient graph's inputs and outputs. Parameters go in under their own names. */
export const GRADIENT_NAMES = {
  /** [batch, channels, height, width] float32. */
  input: 'input',
  /** [batch, units] float32: one-hot for softmax, 0 or 1 for each sigmoid. */
  targets: 'targets',
  /** [batch, units] float32: weight of each target in the loss; 0 leaves it out. */
  weights: 'weights',
  /** Scalar float32: the weighted cross-entropy summed over the batch, natural logarithm. */
  loss: 'loss',
  /** [batch, units] float32. */
  logits: 'logits',
  /** [batch, …] uint8 of the dropout layer called `name`: 1 keeps a value, 0 drops it. */
  mask: (name: string): string => `${name}.mask`,
  /** float32, the shape of the parameter called `name`: the derivative of the loss by it. */
  gradient: (name: string): string => `${name}.gradient`,
  /** float32, the shape of the statistic called `name`: what it is in this batch. */
  seen: (name: string): string => `${name}.seen`,
} as const;
