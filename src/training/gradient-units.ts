import { inBlocks, inPlain } from './blocked-layout.ts';
import { type Lower, plain, type WayBack } from './gradient-lowering.ts';
import { GRADIENT_NAMES } from './gradient-names.ts';
import { elementCount } from './network.ts';
import { elementTypeNumber } from './onnx-file.ts';

export const lowerRelu: Lower<'relu'> = (context, { name, output }, before, after) => {
  const { graph } = context;
  graph.node('Relu', [before.name], after);
  const wayBack: WayBack = (gradient) => {
    // min(1, huge · output) is 1 exactly where the value passed: the output is never negative.
    const huge = { alpha: { float: 3e38 }, beta: { float: 0 } };
    const passing = graph.node('HardSigmoid', [after], `${name}.passing`, huge);
    // Both in the layout of the value itself.
    const slopes = before.blocked ? inBlocks(context, gradient) : inPlain(context, gradient, output);
    return { name: graph.node('Mul', [slopes, passing], `${name}.back`), blocked: before.blocked };
  };
  return { value: { name: after, blocked: before.blocked }, wayBack };
};

export const lowerDropout: Lower<'dropout'> = (context, { name, layer, input }, before, after) => {
  const { graph, batch, masks } = context;
  const mask = { input: GRADIENT_NAMES.mask(name), dims: [batch, ...input], rate: layer.rate };
  masks.push(mask);
  graph.input(mask.input, 'uint8', mask.dims);
  const floats = graph.node('Cast', [mask.input], `${name}.mask.float`, { to: elementTypeNumber('float32') });
  const kept = graph.node('Mul', [floats, graph.scalar(1 / (1 - layer.rate))], `${name}.mask.scaled`);
  graph.node('Mul', [inPlain(context, before, input), kept], after);
  return {
    value: plain(after),
    wayBack: (gradient) =>
      plain(graph.node('Mul', [inPlain(context, gradient, input), kept], `${name}.back`)),
  };
};

export const lowerFlatten: Lower<'flatten'> = (context, { name, input }, before, after) => {
  const { graph, batch } = context;
  const flat = graph.integers([batch, elementCount(input)]);
  graph.node('Reshape', [inPlain(context, before, input), flat], after);
  return {
    value: plain(after),
    wayBack: (gradient) =>
      plain(graph.node('Reshape', [gradient.name, graph.integers([batch, ...input])], `${name}.back`)),
  };
};

export const lowerDense: Lower<'dense'> = ({ graph }, { name, parameters }, before, after) => {
  const [weight, bias] = parameters;
  graph.node('Gemm', [before.name, ...parameters.map((each) => each.name)], after, { transB: 1 });
  const wayBack: WayBack = ({ name: gradient }, wanted) => {
    graph.node('Gemm', [gradient, before.name], GRADIENT_NAMES.gradient(weight.name), { transA: 1 });
    if (bias) {
      const sums = GRADIENT_NAMES.gradient(bias.name);
      graph.node('ReduceSum', [gradient, graph.integers([0])], sums, { keepdims: 0 });
    }
    return wanted ? plain(graph.node('MatMul', [gradient, weight.name], `${name}.back`)) : null;
  };
  return { value: plain(after), wayBack };
};
