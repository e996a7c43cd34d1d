import { foldBatchNorm } from './fold-norm.ts';
import { GraphBuilder } from './graph-builder.ts';
import { elementCount, type Network, planNetwork } from './network.ts';
import { writeOnnxModel } from './onnx-file.ts';
import { type Parameters, parameterValues } from './parameters.ts';
import { poolAttributes, windowAttributes } from './window-attributes.ts';

/** Name of the input of an inference graph: [1, channels, height, width] float32. */
export const INPUT_NAME = 'input';
/** Name of its output: [1, units] float32, before softmax or sigmoid. */
export const OUTPUT_NAME = 'logits';

/**
 * The bytes of `model.onnx`: the network with these parameters, for one image at a time (`batch` for more).
 * Batch normalisation is folded into the layers before it; dropout has no part in it.
 * Throws `DATA_INVALID` where a parameter is missing or does not fit.
 */
export function inferenceModel(network: Network, parameters: Parameters, batch = 1): Uint8Array<ArrayBuffer> {
  const folded = foldBatchNorm(network, parameters);
  const graph = new GraphBuilder();
  const { channels, height, width } = network.input;
  const planned = planNetwork(folded.network);
  let value = graph.input(INPUT_NAME, 'float32', [batch, channels, height, width]);
  planned.forEach(({ name, layer, input, parameters: shapes }, index) => {
    const out = index === planned.length - 1 ? OUTPUT_NAME : name;
    const weights = shapes.map((shape) =>
      graph.floats(shape.name, shape.dims, parameterValues(folded.parameters, shape.name)),
    );
    switch (layer.kind) {
      case 'conv':
        value = graph.node('Conv', [value, ...weights], out, windowAttributes(layer));
        break;
      case 'depthwise':
        value = graph.node('Conv', [value, ...weights], out, { ...windowAttributes(layer), group: input[0] });
        break;
      case 'batchNorm': // Folded.
      case 'dropout':
        break;
      case 'relu':
        value = graph.node('Relu', [value], out);
        break;
      case 'maxPool':
        value = graph.node('MaxPool', [value], out, poolAttributes(layer));
        break;
      case 'averagePool':
        value = graph.node('AveragePool', [value], out, poolAttributes(layer));
        break;
      case 'globalPool': {
        const pooled = graph.node('GlobalAveragePool', [value], `${name}.means`);
        value = graph.node('Reshape', [pooled, graph.integers([batch, input[0]])], out);
        break;
      }
      case 'flatten':
        value = graph.node('Reshape', [value, graph.integers([batch, elementCount(input)])], out);
        break;
      case 'dense':
        value = graph.node('Gemm', [value, ...weights], out, { transB: 1 });
        break;
    }
  });
  graph.output(OUTPUT_NAME, 'float32', [batch, network.output.units]);
  return writeOnnxModel(graph.build(network.name), { metadata: { network: network.name } });
}
