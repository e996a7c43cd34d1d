import { SpectaError } from '../platform/errors.ts';
import { elementCount, type Network, networkParameters } from './network.ts';
import type { Parameters } from './parameters.ts';

/** The float32 constants of an ONNX file by name, as `onnx-file.ts` writes them (raw little-endian data). */
export interface OnnxWeight {
  readonly dims: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** Field numbers of the public `onnx.proto3`. */
const MODEL_GRAPH = 7;
const MODEL_METADATA = 14;
const GRAPH_INITIALIZER = 5;
const TENSOR = { dims: 1, type: 2, name: 8, raw: 9 } as const;
const FLOAT32 = 1;

/** Reads the float32 constants of an ONNX file; others are passed over. Throws `DATA_INVALID` for what is no such file. */
export function readOnnxWeights(file: Uint8Array): ReadonlyMap<string, OnnxWeight> {
  const weights = new Map<string, OnnxWeight>();
  for (const graph of fieldsOf(file)) {
    if (graph.field !== MODEL_GRAPH) continue;
    for (const tensor of fieldsOf(bytesOf(graph))) {
      if (tensor.field !== GRAPH_INITIALIZER) continue;
      const weight = readTensor(bytesOf(tensor));
      if (weight) weights.set(weight.name, weight);
    }
  }
  return weights;
}

/**
 * The parameters of `network` out of an inference graph's file. Throws `DATA_INVALID` where one is missing or has
 * another shape: the file is of another network.
 */
export function parametersOfModel(file: Uint8Array, network: Network): Parameters {
  const weights = readOnnxWeights(file);
  return new Map(
    networkParameters(network).map(({ name, dims }) => {
      const found = weights.get(name);
      if (found?.dims.join() === dims.join() && found.data.length === elementCount(dims))
        return [name, found.data];
      throw new SpectaError(
        'DATA_INVALID',
        `the model has ${found ? `[${found.dims.join(', ')}]` : 'nothing'} as ${name}, network ${network.name} wants [${dims.join(', ')}]`,
        'Start from a bundle of the same network and output.',
      );
    }),
  );
}

/** The name of the network in an inference graph's file, as export writes it; null where the file names none. */
export function networkNameOf(file: Uint8Array): string | null {
  const text = (field: Field): string => new TextDecoder().decode(bytesOf(field));
  for (const entry of fieldsOf(file)) {
    if (entry.field !== MODEL_METADATA) continue;
    const [key, value] = [...fieldsOf(bytesOf(entry))].map(text);
    if (key === 'network') return value ?? null;
  }
  return null;
}

function readTensor(message: Uint8Array): (OnnxWeight & { name: string }) | null {
  const dims: number[] = [];
  let name = '';
  let type = 0;
  let raw: Uint8Array = new Uint8Array(0);
  for (const part of fieldsOf(message)) {
    if (part.field === TENSOR.dims) dims.push(Number(part.value));
    else if (part.field === TENSOR.type) type = Number(part.value);
    else if (part.field === TENSOR.name) name = new TextDecoder().decode(bytesOf(part));
    else if (part.field === TENSOR.raw) raw = bytesOf(part);
  }
  if (type !== FLOAT32) return null;
  // A copy is aligned to four bytes, which a slice of the file need not be.
  const aligned = Uint8Array.from(raw);
  return { name, dims, data: new Float32Array(aligned.buffer, 0, Math.floor(aligned.length / 4)) };
}

interface Field {
  readonly field: number;
  /** A whole number, or the bytes of a text or message. */
  readonly value: number | Uint8Array;
}

function bytesOf({ value }: Field): Uint8Array {
  if (typeof value !== 'number') return value;
  throw notOnnx('a message is expected where a number stands');
}

/** The fields of a protobuf message in their order. */
function* fieldsOf(message: Uint8Array): Generator<Field> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= message.length) throw notOnnx('it ends within a number');
      const byte = message[at++];
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const length = [undefined, 8, undefined, undefined, undefined, 4][tag % 8];
    if (tag % 8 === 0) {
      yield { field, value: varint() };
    } else if (tag % 8 === 2) {
      const size = varint();
      if (at + size > message.length) throw notOnnx('it ends within a field');
      yield { field, value: message.subarray(at, at + size) };
      at += size;
    } else if (length !== undefined) {
      if (at + length > message.length) throw notOnnx('it ends within a field');
      yield { field, value: length === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true) };
      at += length;
    } else {
      throw notOnnx(`wire type ${tag % 8} is unknown`);
    }
  }
}

function notOnnx(why: string): SpectaError {
  return new SpectaError(
    'DATA_INVALID',
    `the file is no ONNX model: ${why}`,
    'Name the model.onnx of a bundle.',
  );
}
