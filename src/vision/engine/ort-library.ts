import { createRequire } from 'node:module';
import {
  API_VERSION,
  ARENA_ALLOCATOR,
  DEFAULT_MEMORY,
  LOG_FATAL,
  ORT_TABLE,
  type OrtFunction,
  type OrtMember,
  type OrtType,
} from './ort-table.ts';
import { libraryUnusable } from './shared-library.ts';

type Koffi = typeof import('koffi');
/** How koffi names a C type. */
type CType = Parameters<Koffi['sizeof']>[0];
type CFunction = (...values: readonly unknown[]) => unknown;

/**
 * koffi runs C on a stack of its own: TensorRT's builder and deep graphs need more than its 2 MiB, and a stack that
 * overflows takes the process down.
 */
const STACK_BYTES = 16 << 20;

/** An object of the library: an address, of use only to its functions. Null: none. */
export type Handle = bigint | null;

/** A call that the library refused: its own words. */
export class OrtError extends Error {
  readonly call: OrtFunction;

  constructor(call: OrtFunction, message: string) {
    super(message);
    this.name = 'OrtError';
    this.call = call;
  }
}

/** ONNX Runtime's names of execution providers, by SPECTA's. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = {
  CPUExecutionProvider: 'cpu',
  CUDAExecutionProvider: 'cuda',
  TensorrtExecutionProvider: 'tensorrt',
};

/**
 * One libonnxruntime, its C API bound through koffi. Belongs to the thread that opened it, and must be the first that
 * koffi loads there. The library itself stays in the process for good: its threads do not survive being unloaded.
 */
export class OrtLibrary {
  readonly path: string;
  readonly version: string;
  private readonly koffi: Koffi;
  private readonly functions: Readonly<Record<OrtFunction, CFunction>>;
  private closed = false;
  /** Set by `start`. */
  private objects: Record<'env' | 'memory' | 'allocator', Handle> | null = null;

  /**
   * Loads the library and checks that its table is the one expected; nothing is created yet.
   * @param path of {@link realLibrary}
   * Throws `RUNTIME_UNSUPPORTED` where it is no ONNX Runtime, or one that is too old.
   */
  constructor(path: string) {
    this.path = path;
    const koffi = requireKoffi(path);
    this.koffi = koffi;
    raiseStack(koffi, path);
    const base = apiBase(koffi, path);
    this.version = String((koffi.decode(base[1], koffi.proto('str', [])) as CFunction)());
    const api = (koffi.decode(base[0], koffi.proto('void *', ['uint32_t'])) as CFunction)(API_VERSION);
    if (!api) {
      throw libraryUnusable(
        path,
        `it is ONNX Runtime ${this.version}, SPECTA needs 1.${API_VERSION} or later`,
      );
    }
    this.functions = bind(koffi, api);
    this.checkTable();
  }

  /** Makes what sessions need; idempotent. Throws {@link OrtError}. */
  start(logLevel = LOG_FATAL): void {
    if (this.objects) return;
    const env = this.make('CreateEnv', logLevel, 'specta');
    this.call('DisableTelemetryEvents', env);
    const memory = this.make('CreateCpuMemoryInfo', ARENA_ALLOCATOR, DEFAULT_MEMORY);
    this.objects = { env, memory, allocator: this.make('GetAllocatorWithDefaultOptions') };
  }

  get env(): Handle {
    return this.started().env;
  }

  /** Of memory that JavaScript owns. */
  get memory(): Handle {
    return this.started().memory;
  }

  /** Of texts that the library hands out. */
  get allocator(): Handle {
    return this.started().allocator;
  }

  /** Calls a function that returns a status. Throws {@link OrtError}. */
  call(name: OrtFunction, ...values: readonly unknown[]): void {
    const status = this.functions[name](...values);
    if (!status) return;
    const message = String(this.functions.GetErrorMessage(status));
    this.functions.ReleaseStatus(status);
    throw new OrtError(name, message);
  }

  /** As `call`, with the object that the library writes to its last argument. */
  make(name: OrtFunction, ...values: readonly unknown[]): Handle {
    const out: Handle[] = [null];
    this.call(name, ...values, out);
    return out[0];
  }

  /** As `call`, with the number that the library writes to its last argument. */
  ask(name: OrtFunction, ...values: readonly unknown[]): number {
    const out = [0];
    this.call(name, ...values, out);
    return Number(out[0]);
  }

  /** Calls a function that frees; nothing is done where there is nothing. */
  release(name: OrtFunction, handle: Handle | undefined): void {
    if (handle) this.functions[name](handle);
  }

  /** A text that the library allocated, which is freed. */
  takeText(pointer: Handle): string {
    const text = this.koffi.decode.string(pointer);
    this.call('AllocatorFree', this.allocator, pointer);
    return text;
  }

  /** The address of memory that JavaScript owns: it must outlive its use and must not move. */
  addressOf(memory: ArrayBufferView): bigint {
    return this.koffi.address(memory);
  }

  /** What was compiled in, in SPECTA's words where it has one. Not a proof that it works here. */
  providers(): string[] {
    const names: unknown[] = [null];
    const count: number[] = [0];
    this.call('GetAvailableProviders', names, count);
    const list: string[] = this.koffi.decode(names[0], 'str', count[0]);
    this.call('ReleaseAvailableProviders', names[0], count[0]);
    return list.map((name) => PROVIDER_NAMES[name] ?? name.replace(/ExecutionProvider$/, '').toLowerCase());
  }

  /** Frees the library's objects; sessions must be gone before. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    const { objects } = this;
    this.objects = null;
    this.release('ReleaseMemoryInfo', objects?.memory);
    this.release('ReleaseEnv', objects?.env);
  }

  private started(): Record<'env' | 'memory' | 'allocator', Handle> {
    if (this.objects) return this.objects;
    throw new Error('the library is not started');
  }

  /** Four entries in one go, before anything is trusted: what goes in as a status must come out again. */
  private checkTable(): void {
    const { CreateStatus, GetErrorCode, GetErrorMessage, ReleaseStatus } = this.functions;
    const status = CreateStatus(7, 'specta');
    const sound = status && GetErrorCode(status) === 7 && GetErrorMessage(status) === 'specta';
    if (status) ReleaseStatus(status);
    if (!sound) throw libraryUnusable(this.path, 'its table of functions is not that of ONNX Runtime');
  }
}

function requireKoffi(path: string): Koffi {
  try {
    return createRequire(import.meta.url)('koffi');
  } catch (error) {
    throw libraryUnusable(path, `koffi, which calls it, cannot be loaded (${String(error)})`, error);
  }
}

/** Settings are those of the thread, and only until its first library. */
function raiseStack(koffi: Koffi, path: string): void {
  if ((koffi.config().sync_stack_size ?? 0) >= STACK_BYTES) return;
  try {
    koffi.config({ sync_stack_size: STACK_BYTES });
  } catch (error) {
    throw libraryUnusable(path, 'this thread already calls another library; use a thread of its own', error);
  }
}

/** `dlopen`'s flags, Linux: resolve everything now, and never unload. */
const RTLD_NOW = 2;
const RTLD_NODELETE = 0x1000;

/** The two pointers of `OrtApiBase`: `GetApi` and `GetVersionString`. */
function apiBase(koffi: Koffi, path: string): unknown[] {
  const itself = koffi.load(null);
  // koffi unloads what nobody holds: first opened so that this does nothing.
  if (!itself.func('void *dlopen(str path, int flags)')(path, RTLD_NOW | RTLD_NODELETE)) {
    const why: string | null = itself.func('str dlerror()')();
    throw libraryUnusable(path, `the system does not load it (${why ?? 'no reason given'})`);
  }
  const library = koffi.load(path);
  try {
    return koffi.decode(library.func('void *OrtGetApiBase()')(), 'void *', 2);
  } catch (error) {
    throw libraryUnusable(path, 'it is no ONNX Runtime: it has no OrtGetApiBase', error);
  }
}

function bind(koffi: Koffi, api: unknown): Record<OrtFunction, CFunction> {
  const pointer = koffi.pointer('void *');
  const types: Readonly<Record<OrtType, CType>> = {
    void: 'void',
    int: 'int',
    size: 'size_t',
    text: 'str',
    handle: 'void *',
    texts: koffi.pointer('str'),
    handleOut: koffi.out(pointer),
    sizeOut: koffi.out(koffi.pointer('size_t')),
    intOut: koffi.out(koffi.pointer('int')),
  };
  const table: readonly [string, OrtMember][] = Object.entries(ORT_TABLE);
  const places = Math.max(...table.map(([, { index }]) => index)) + 1;
  const pointers: unknown[] = koffi.decode(api, 'void *', places);
  const functions = table.map(([name, { index, takes, gives = 'handle' }]) => {
    const shape = koffi.proto(
      types[gives],
      takes.map((type) => types[type]),
    );
    return [name, koffi.decode(pointers[index], shape)];
  });
  return Object.fromEntries(functions);
}
