import type { Lower } from './gradient-lowering.ts';
import { GRADIENT_NAMES } from './gradient-names.ts';
import { elementCount } from './network.ts';
import { elementTypeNumber } from './onnx-file.ts';

export const lowerRelu: Lower<'relu'> = ({ graph }, { name }, before, after) => {
  graph.node('Relu', [before], after);
  return (gradient) => {
    // min(1, huge · output) is 1 exactly where the value passed: the output is never negative.
    const huge = { alpha: { float: 3e38 }, beta: { float: 0 } };
    const passing = graph.node('HardSigmoid', [after], `${name}.passing`, huge);
    return graph.node('Mul', [gradient, passing], `${name}.back`);
  };
};

export const lowerDropout: Lower<'dropout'> = (context, { name, layer, input }, before, after) => {
  const { graph, batch, masks } = context;
  const mask = { input: GRADIENT_NAMES.mask(name), dims: [batch, ...input], rate: layer.rate };
  masks.push(mask);
  graph.input(mask.input, 'uint8', mask.dims);
  const floats = graph.node('Cast', [mask.input], `${name}.mask.float`, { to: elementTypeNumber('float32') });
  const kept = graph.node('Mul', [floats, graph.scalar(1 / (1 - layer.rate))], `${name}.mask.scaled`);
  graph.node('Mul', [before, kept], after);
  return (gradient) => graph.node('Mul', [gradient, kept], `${name}.back`);
};

export const lowerFlatten: Lower<'flatten'> = ({ graph, batch }, { name, input }, before, after) => {
  graph.node('Reshape', [before, graph.integers([batch, elementCount(input)])], after);
  return (gradient) => graph.node('Reshape', [gradient, graph.integers([batch, ...input])], `${name}.back`);
};

export const lowerDense: Lower<'dense'> = ({ graph }, { name, parameters }, before, after) => {
  const [weight, bias] = parameters;
  graph.node('Gemm', [before, ...parameters.map((each) => each.name)], after, { transB: 1 });
  return (gradient, wanted) => {
    graph.node('Gemm', [gradient, before], GRADIENT_NAMES.gradient(weight.name), { transA: 1 });
    if (bias) {
      const sums = GRADIENT_NAMES.gradient(bias.name);
      graph.node('ReduceSum', [gradient, graph.integers([0])], sums, { keepdims: 0 });
    }
    return wanted ? graph.node('MatMul', [gradient, weight.name], `${name}.back`) : '';
  };
};
