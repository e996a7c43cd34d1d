import { inPlain } from './blocked-layout.ts';
import { type Lower, plain, type WayBack } from './gradient-lowering.ts';
import { GRADIENT_NAMES } from './gradient-names.ts';
import { NORM_EPSILON } from './network.ts';

/**
 * Batch normalisation over the images of one run: y = scale · x̂ + offset with x̂ = (x − mean) / √(variance + ε).
 * Back: dx = scale / √(variance + ε) · (dy − mean(dy) − x̂ · mean(dy · x̂)) (Ioffe and Szegedy 2015).
 */
export const lowerBatchNorm: Lower<'batchNorm'> = (context, { name, input }, before, after) => {
  const { graph, batch } = context;
  const images = inPlain(context, before, input);
  const [channels, height = 1, width = 1] = input;
  const epsilon = { epsilon: { float: NORM_EPSILON } };
  const none = graph.floats(`${name}.none`, [channels], new Float32Array(channels));
  const ones = graph.floats(`${name}.ones`, [channels], new Float32Array(channels).fill(1));
  const [mean, variance] = ['mean', 'variance'].map((role) => GRADIENT_NAMES.seen(`${name}.${role}`));
  // Momentum 0: the "running" averages that come out are those of this batch.
  graph.node(
    'BatchNormalization',
    [images, `${name}.scale`, `${name}.offset`, none, ones],
    [after, mean, variance],
    { ...epsilon, momentum: { float: 0 }, training_mode: 1 },
  );
  const wayBack: WayBack = (slopes, wanted) => {
    const gradient = inPlain(context, slopes, input);
    const overBatch = graph.integers(input.length === 3 ? [0, 2, 3] : [0]);
    const normal = graph.node(
      'BatchNormalization',
      [images, ones, none, mean, variance],
      `${name}.normal`,
      epsilon,
    );
    const product = graph.node('Mul', [gradient, normal], `${name}.product`);
    const scaleGradient = GRADIENT_NAMES.gradient(`${name}.scale`);
    const offsetGradient = GRADIENT_NAMES.gradient(`${name}.offset`);
    graph.node('ReduceSum', [product, overBatch], scaleGradient, { keepdims: 0 });
    graph.node('ReduceSum', [gradient, overBatch], offsetGradient, { keepdims: 0 });
    if (!wanted) return null;
    const share = graph.scalar(1 / (batch * height * width));
    const slope = graph.node('Mul', [scaleGradient, share], `${name}.slope`);
    const level = graph.node('Mul', [offsetGradient, share], `${name}.level`);
    // x̂ · slope + level, as the runtime's fastest operator for "a factor and an offset for each channel".
    const taken = graph.node('BatchNormalization', [normal, slope, level, none, ones], `${name}.taken`, {
      epsilon: { float: 0 },
    });
    const rest = graph.node('Sub', [gradient, taken], `${name}.rest`);
    const padded = graph.node('Add', [variance, graph.scalar(NORM_EPSILON)], `${name}.variance.padded`);
    const deviation = graph.node('Sqrt', [padded], `${name}.deviation`);
    const factor = graph.node('Div', [`${name}.scale`, deviation], `${name}.factor`);
    const sides = input.length === 3 ? [channels, 1, 1] : [channels];
    const spread = graph.node('Reshape', [factor, graph.integers(sides)], `${name}.factor.spread`);
    return plain(graph.node('Mul', [rest, spread], `${name}.back`));
  };
  return { value: plain(after), wayBack };
};
