import type {
  OnnxAttribute,
  OnnxElementType,
  OnnxGraph,
  OnnxInitializer,
  OnnxNode,
  OnnxValue,
} from './onnx-file.ts';

/** Collects the nodes and constants of an ONNX graph; equal constants are kept once. */
export class GraphBuilder {
  private readonly nodes: OnnxNode[] = [];
  private readonly initializers: OnnxInitializer[] = [];
  private readonly inputs: OnnxValue[] = [];
  private readonly outputs: OnnxValue[] = [];
  private readonly constants = new Map<string, string>();

  /** Adds an operator and returns the name of its first output. */
  node(
    operator: string,
    inputs: readonly string[],
    outputs: string | readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain = '',
  ): string {
    const names = typeof outputs === 'string' ? [outputs] : outputs;
    this.nodes.push({ operator, inputs, outputs: names, attributes, domain });
    return names[0] ?? '';
  }

  /** What `build` adds under the name `name`, added once however often it is asked for. */
  once(name: string, build: (name: string) => string): string {
    const known = this.constants.get(name);
    if (known !== undefined) return known;
    const built = build(name);
    this.constants.set(name, built);
    return built;
  }

  /** Name of a constant list of whole numbers (shapes, axes, starts and ends). */
  integers(values: readonly number[]): string {
    const known = this.constants.get(values.join());
    if (known !== undefined) return known;
    const name = `integers_${values.join('_')}`;
    this.constants.set(values.join(), name);
    this.initializers.push({
      name,
      type: 'int64',
      dims: [values.length],
      data: BigInt64Array.from(values, (value) => BigInt(value)),
    });
    return name;
  }

  /** Adds a float32 constant and returns its name. */
  floats(name: string, dims: readonly number[], data: Float32Array): string {
    this.initializers.push({ name, type: 'float32', dims, data });
    return name;
  }

  /** Name of a float32 constant of one value that broadcasts over anything. */
  scalar(value: number): string {
    const name = `scalar_${value}`;
    if (!this.constants.has(name)) this.floats(name, [1], Float32Array.of(value));
    this.constants.set(name, name);
    return name;
  }

  input(name: string, type: OnnxElementType, dims: readonly (number | string)[]): string {
    this.inputs.push({ name, type, dims });
    return name;
  }

  output(name: string, type: OnnxElementType, dims: readonly (number | string)[]): void {
    this.outputs.push({ name, type, dims });
  }

  build(name: string): OnnxGraph {
    return {
      name,
      nodes: this.nodes,
      initializers: this.initializers,
      inputs: this.inputs,
      outputs: this.outputs,
    };
  }
}
