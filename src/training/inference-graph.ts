import { GraphBuilder } from './graph-builder.ts';
import { elementCount, type Network, planNetwork } from './network.ts';
import { writeOnnxModel } from './onnx-file.ts';
import { type Parameters, parameterValues } from './parameters.ts';

/** Name of the input of an inference graph: [1, channels, height, width] float32. */
export const INPUT_NAME = 'input';
/** Name of its output: [1, units] float32, before softmax or sigmoid. */
export const OUTPUT_NAME = 'logits';

/**
 * The bytes of `model.onnx`: the network with these parameters, for one image at a time (`batch` for more).
 * Dropout has no part in it. Throws `DATA_INVALID` where a parameter is missing or does not fit.
 */
export function inferenceModel(network: Network, parameters: Parameters, batch = 1): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const { channels, height, width } = network.input;
  const planned = planNetwork(network);
  let value = graph.input(INPUT_NAME, 'float32', [batch, channels, height, width]);
  planned.forEach(({ name, layer, input, parameters: shapes }, index) => {
    const out = index === planned.length - 1 ? OUTPUT_NAME : name;
    const weights = shapes.map((shape) =>
      graph.floats(shape.name, shape.dims, parameterValues(parameters, shape.name)),
    );
    switch (layer.kind) {
      case 'conv':
        value = graph.node('Conv', [value, ...weights], out, {
          kernel_shape: [layer.kernel, layer.kernel],
          strides: [layer.stride, layer.stride],
          pads: [layer.padding, layer.padding, layer.padding, layer.padding],
        });
        break;
      case 'relu':
        value = graph.node('Relu', [value], out);
        break;
      case 'maxPool':
        value = graph.node('MaxPool', [value], out, {
          kernel_shape: [layer.size, layer.size],
          strides: [layer.stride, layer.stride],
        });
        break;
      case 'dropout':
        break;
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
