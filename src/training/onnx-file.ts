import { SpectaError } from '../platform/errors.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/** Element types that SPECTA's graphs use, with ONNX's numbers for them. */
const ELEMENT_TYPES = { float32: 1, uint8: 2, int32: 6, int64: 7 } as const;

export type OnnxElementType = keyof typeof ELEMENT_TYPES;

/** ONNX's number of an element type, as the `to` attribute of `Cast` wants it. */
export function elementTypeNumber(type: OnnxElementType): number {
  return ELEMENT_TYPES[type];
}

/** A constant in the graph: weights, shapes, axes. Data in row-major order. */
export interface OnnxInitializer {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly dims: readonly number[];
  readonly data: Float32Array | Uint8Array | Int32Array | BigInt64Array;
}

/** An operator's attribute: a whole number, a list of whole numbers, a text, or a real number as `{ float }`. */
export type OnnxAttribute = number | readonly number[] | string | { readonly float: number };

/** One operator. Inputs and outputs are names of values; an empty name leaves an optional one out. */
export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Operator set; the standard one where absent. */
  readonly domain?: string;
}

/** An input or output of the graph. A text in `dims` is a free dimension with that name. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly dims: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

export interface OnnxModelOptions {
  /** Version of the standard operator set; 13 unless told. */
  readonly opset?: number;
  /** Versions of further operator sets by domain. */
  readonly domains?: Readonly<Record<string, number>>;
  /** Free key-value texts kept in the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const IR_VERSION = 7;
const DEFAULT_OPSET = 13;

/**
 * An ONNX model file (IR version 7) of `graph`: the bytes to write as `model.onnx` or to hand to a runtime.
 * Field numbers are those of the public `onnx.proto3`.
 * Throws `DATA_INVALID` where an initializer's data does not fit its dims or type.
 */
export function writeOnnxModel(graph: OnnxGraph, options: OnnxModelOptions = {}): Uint8Array<ArrayBuffer> {
  const file = new ProtobufWriter();
  file.integer(1, IR_VERSION);
  file.text(2, 'specta');
  file.message(7, (message) => writeGraph(message, graph));
  const operatorSets = { '': options.opset ?? DEFAULT_OPSET, ...options.domains };
  for (const [domain, version] of Object.entries(operatorSets)) {
    file.message(8, (message) => {
      message.text(1, domain);
      message.integer(2, version);
    });
  }
  for (const [key, value] of Object.entries(options.metadata ?? {})) {
    file.message(14, (message) => {
      message.text(1, key);
      message.text(2, value);
    });
  }
  return file.finish();
}

function writeGraph(message: ProtobufWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) message.message(1, (inner) => writeNode(inner, node));
  message.text(2, graph.name);
  for (const tensor of graph.initializers) message.message(5, (inner) => writeInitializer(inner, tensor));
  for (const value of graph.inputs) message.message(11, (inner) => writeValue(inner, value));
  for (const value of graph.outputs) message.message(12, (inner) => writeValue(inner, value));
}

function writeNode(message: ProtobufWriter, node: OnnxNode): void {
  for (const name of node.inputs) message.text(1, name);
  for (const name of node.outputs) message.text(2, name);
  message.text(3, `${node.operator}:${node.outputs.join(',')}`);
  message.text(4, node.operator);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message.message(5, (inner) => writeAttribute(inner, name, value));
  }
  if (node.domain) message.text(7, node.domain);
}

const ATTRIBUTE_TYPES = { float: 1, integer: 2, text: 3, integers: 7 } as const;

function writeAttribute(message: ProtobufWriter, name: string, value: OnnxAttribute): void {
  message.text(1, name);
  if (typeof value === 'number') {
    message.integer(3, value);
    message.integer(20, ATTRIBUTE_TYPES.integer);
  } else if (typeof value === 'string') {
    message.text(4, value);
    message.integer(20, ATTRIBUTE_TYPES.text);
  } else if ('float' in value) {
    message.float(2, value.float);
    message.integer(20, ATTRIBUTE_TYPES.float);
  } else {
    for (const each of value) message.integer(8, each);
    message.integer(20, ATTRIBUTE_TYPES.integers);
  }
}

function writeInitializer(message: ProtobufWriter, tensor: OnnxInitializer): void {
  const { name, type, dims, data } = tensor;
  const count = dims.reduce((product, side) => product * side, 1);
  if (count !== data.length || elementTypeOf(data) !== type) {
    throw new SpectaError(
      'DATA_INVALID',
      `tensor ${name}: ${data.length} ${elementTypeOf(data)} values given for [${dims.join(', ')}] ${type}`,
      'Give as many values of that type as the dimensions multiply to.',
    );
  }
  for (const side of dims) message.integer(1, side);
  message.integer(2, ELEMENT_TYPES[type]);
  message.text(8, name);
  message.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function elementTypeOf(data: OnnxInitializer['data']): OnnxElementType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Uint8Array) return 'uint8';
  return data instanceof Int32Array ? 'int32' : 'int64';
}

function writeValue(message: ProtobufWriter, value: OnnxValue): void {
  message.text(1, value.name);
  message.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.integer(1, ELEMENT_TYPES[value.type]);
      tensor.message(2, (shape) => {
        for (const side of value.dims) {
          shape.message(1, (dimension) => {
            if (typeof side === 'number') dimension.integer(1, side);
            else dimension.text(2, side);
          });
        }
      });
    }),
  );
}
