import type { Handle, OrtLibrary } from './ort-library.ts';
import { FLOAT32, OPTIMISE_ALL } from './ort-table.ts';

/** How a session is made. */
export interface SessionRequest {
  /** Absolute path of the network. */
  readonly modelFile: string;
  /** `cpu`, `cuda` or `tensorrt`. */
  readonly provider: string;
  /** Options of that provider, as ONNX Runtime names them. */
  readonly providerOptions: Readonly<Record<string, string>>;
  /** Threads inside one inference. */
  readonly threads: number;
}

/** An input or output as the network file states it; a free side is -1. */
export interface TensorShape {
  readonly name: string;
  readonly isFloat32: boolean;
  readonly dims: readonly number[];
}

/** A tensor over memory of JavaScript's, and a list of one with its name, as `Run` takes it. */
interface Bound {
  readonly data: Float32Array;
  readonly value: Handle;
  readonly names: bigint;
  readonly values: bigint;
  /** What the addresses above point into. */
  readonly kept: readonly ArrayBufferView[];
}

function settings(provider: string): Readonly<Record<string, string>> {
  return {
    // Threads that spin between frames burn a core for nothing.
    'session.intra_op.allow_spinning': '0',
    // What the provider cannot do would else be done by the CPU, unseen. Older versions pass over what they do not know.
    ...(provider === 'cpu' ? {} : { 'session.disable_cpu_ep_fallback': '1' }),
  };
}

/** The typed entry points exist in every version; TensorRT leaves what it cannot do to CUDA. */
const APPENDED: Readonly<Record<string, readonly ('CUDA' | 'TensorRT')[]>> = {
  cpu: [],
  cuda: ['CUDA'],
  tensorrt: ['TensorRT', 'CUDA'],
};

function appendProvider(
  library: OrtLibrary,
  options: Handle,
  name: 'CUDA' | 'TensorRT',
  entries: readonly (readonly [string, string])[],
): void {
  const made = library.make(`Create${name}ProviderOptions`);
  try {
    try {
      const [keys, values] = [entries.map(([key]) => key), entries.map(([, value]) => value)];
      if (keys.length > 0) library.call(`Update${name}ProviderOptions`, made, keys, values, keys.length);
    } catch (refusal) {
      // Without its libraries a provider refuses every option: then it is they that are missing.
      library.call(`SessionOptionsAppendExecutionProvider_${name}_V2`, options, made);
      throw refusal;
    }
    library.call(`SessionOptionsAppendExecutionProvider_${name}_V2`, options, made);
  } finally {
    library.release(`Release${name}ProviderOptions`, made);
  }
}

function appendProviders(library: OrtLibrary, options: Handle, request: SessionRequest): void {
  const entries = Object.entries(request.providerOptions);
  const [first, ...rest] = APPENDED[request.provider] ?? [];
  if (first !== undefined) appendProvider(library, options, first, entries);
  // The one behind is to run on the same device; the other options are not its own.
  const device = entries.filter(([key]) => key === 'device_id');
  for (const name of rest) appendProvider(library, options, name, device);
}

function describe(library: OrtLibrary, session: Handle, kind: 'Input' | 'Output'): TensorShape[] {
  const count = library.ask(`SessionGet${kind}Count`, session);
  return Array.from({ length: count }, (_, index) => {
    const name = library.takeText(library.make(`SessionGet${kind}Name`, session, index, library.allocator));
    const type = library.make(`SessionGet${kind}TypeInfo`, session, index);
    try {
      // Belongs to `type`; null for what is no tensor.
      const tensor = library.make('CastTypeInfoToTensorInfo', type);
      if (!tensor) return { name, isFloat32: false, dims: [] };
      const dims = new BigInt64Array(library.ask('GetDimensionsCount', tensor));
      library.call('GetDimensions', tensor, dims, dims.length);
      const isFloat32 = library.ask('GetTensorElementType', tensor) === FLOAT32;
      return { name, isFloat32, dims: Array.from(dims, Number) };
    } finally {
      library.release('ReleaseTypeInfo', type);
    }
  });
}

/** Memory that neither moves nor goes away under native code. */
function fixed(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(bytes);
}

/** A network in the library, for one run at a time on the thread that made it. */
export class OrtSession {
  readonly inputs: readonly TensorShape[];
  readonly outputs: readonly TensorShape[];
  private readonly library: OrtLibrary;
  private handle: Handle;
  private bound: { readonly input: Bound; readonly output: Bound } | null = null;

  /** Loads the network. Throws `OrtError` with the library's words. */
  constructor(library: OrtLibrary, request: SessionRequest) {
    this.library = library;
    const options = library.make('CreateSessionOptions');
    try {
      library.call('SetIntraOpNumThreads', options, request.threads);
      library.call('SetInterOpNumThreads', options, 1);
      library.call('SetSessionGraphOptimizationLevel', options, OPTIMISE_ALL);
      for (const [key, value] of Object.entries(settings(request.provider))) {
        library.call('AddSessionConfigEntry', options, key, value);
      }
      appendProviders(library, options, request);
      this.handle = library.make('CreateSession', library.env, request.modelFile, options);
    } finally {
      library.release('ReleaseSessionOptions', options);
    }
    try {
      this.inputs = describe(library, this.handle, 'Input');
      this.outputs = describe(library, this.handle, 'Output');
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Makes the tensors that every run uses. Throws `OrtError`. */
  bind(
    input: { readonly name: string; readonly dims: readonly number[] },
    output: { readonly name: string; readonly dims: readonly number[] },
  ): void {
    const bound = this.tensor(input);
    try {
      this.bound = { input: bound, output: this.tensor(output) };
    } catch (error) {
      this.library.release('ReleaseValue', bound.value);
      throw error;
    }
  }

  /** Runs once; the result is a copy. Throws `OrtError`. */
  run(values: Float32Array): Float32Array {
    if (!this.bound) throw new Error('the session has no tensors');
    const { input, output } = this.bound;
    input.data.set(values);
    this.library.call('Run', this.handle, null, input.names, input.values, 1, output.names, 1, output.values);
    return Float32Array.from(output.data);
  }

  /** Frees the network and its tensors. Idempotent. */
  close(): void {
    const { handle, bound, library } = this;
    this.handle = null;
    this.bound = null;
    library.release('ReleaseValue', bound?.input.value);
    library.release('ReleaseValue', bound?.output.value);
    library.release('ReleaseSession', handle);
  }

  private tensor({ name, dims }: { readonly name: string; readonly dims: readonly number[] }): Bound {
    const { library } = this;
    const count = dims.reduce((product, side) => product * side, 1);
    const data = new Float32Array(fixed(count * Float32Array.BYTES_PER_ELEMENT));
    const text = new Uint8Array(fixed(name.length * 3 + 1));
    new TextEncoder().encodeInto(name, text);
    const names = new BigUint64Array(fixed(8));
    const values = new BigUint64Array(fixed(8));
    const shape = BigInt64Array.from(dims, BigInt);
    const value = library.make(
      'CreateTensorWithDataAsOrtValue',
      library.memory,
      data,
      data.byteLength,
      shape,
      dims.length,
      FLOAT32,
    );
    names[0] = library.addressOf(text);
    values[0] = value ?? 0n;
    const kept = [text, names, values];
    return { data, value, names: library.addressOf(names), values: library.addressOf(values), kept };
  }
}
