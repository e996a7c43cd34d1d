/** The version of the C API that is asked for: ONNX Runtime 1.12 and later have it. */
export const API_VERSION = 12;

/** How koffi shall see an argument or result. `handle*` and `size*` are places the library writes to. */
export type OrtType =
  | 'void'
  | 'int'
  | 'size'
  | 'text'
  | 'texts'
  | 'handle'
  | 'handleOut'
  | 'sizeOut'
  | 'intOut';

/** One member of `OrtApi`. Without `gives` it returns a status, null when all is well. */
export interface OrtMember {
  /** Its place in the table of function pointers, from 0. */
  readonly index: number;
  readonly takes: readonly OrtType[];
  readonly gives?: OrtType;
}

/**
 * The members of `OrtApi` that SPECTA calls. `OrtApi` is a table of function pointers to which releases only append:
 * a member's place never changes. Each number was counted from the initialiser `ort_api_1_to_25` in
 * `onnxruntime/core/session/onnxruntime_c_api.cc` of microsoft/onnxruntime (commit 003d0358, version 1.25); counted so,
 * the last members of API versions 1 to 12 come out at 101, 118, 124, 126, 149, 157, 161, 169, 191, 203, 209 and 218, as
 * the static_asserts of that file demand. The tests call every one of them on a real library.
 */
export const ORT_TABLE = {
  CreateStatus: { index: 0, takes: ['int', 'text'], gives: 'handle' },
  GetErrorCode: { index: 1, takes: ['handle'], gives: 'int' },
  GetErrorMessage: { index: 2, takes: ['handle'], gives: 'text' },
  CreateEnv: { index: 3, takes: ['int', 'text', 'handleOut'] },
  DisableTelemetryEvents: { index: 6, takes: ['handle'] },
  CreateSession: { index: 7, takes: ['handle', 'text', 'handle', 'handleOut'] },
  Run: { index: 9, takes: ['handle', 'handle', 'handle', 'handle', 'size', 'handle', 'size', 'handle'] },
  CreateSessionOptions: { index: 10, takes: ['handleOut'] },
  SetSessionGraphOptimizationLevel: { index: 23, takes: ['handle', 'int'] },
  SetIntraOpNumThreads: { index: 24, takes: ['handle', 'int'] },
  SetInterOpNumThreads: { index: 25, takes: ['handle', 'int'] },
  SessionGetInputCount: { index: 30, takes: ['handle', 'sizeOut'] },
  SessionGetOutputCount: { index: 31, takes: ['handle', 'sizeOut'] },
  SessionGetInputTypeInfo: { index: 33, takes: ['handle', 'size', 'handleOut'] },
  SessionGetOutputTypeInfo: { index: 34, takes: ['handle', 'size', 'handleOut'] },
  SessionGetInputName: { index: 36, takes: ['handle', 'size', 'handle', 'handleOut'] },
  SessionGetOutputName: { index: 37, takes: ['handle', 'size', 'handle', 'handleOut'] },
  CreateTensorWithDataAsOrtValue: {
    index: 49,
    takes: ['handle', 'handle', 'size', 'handle', 'size', 'int', 'handleOut'],
  },
  CastTypeInfoToTensorInfo: { index: 55, takes: ['handle', 'handleOut'] },
  GetTensorElementType: { index: 60, takes: ['handle', 'intOut'] },
  GetDimensionsCount: { index: 61, takes: ['handle', 'sizeOut'] },
  GetDimensions: { index: 62, takes: ['handle', 'handle', 'size'] },
  CreateCpuMemoryInfo: { index: 69, takes: ['int', 'int', 'handleOut'] },
  AllocatorFree: { index: 76, takes: ['handle', 'handle'] },
  GetAllocatorWithDefaultOptions: { index: 78, takes: ['handleOut'] },
  ReleaseEnv: { index: 92, takes: ['handle'], gives: 'void' },
  ReleaseStatus: { index: 93, takes: ['handle'], gives: 'void' },
  ReleaseMemoryInfo: { index: 94, takes: ['handle'], gives: 'void' },
  ReleaseSession: { index: 95, takes: ['handle'], gives: 'void' },
  ReleaseValue: { index: 96, takes: ['handle'], gives: 'void' },
  ReleaseTypeInfo: { index: 98, takes: ['handle'], gives: 'void' },
  ReleaseSessionOptions: { index: 100, takes: ['handle'], gives: 'void' },
  GetAvailableProviders: { index: 125, takes: ['handleOut', 'intOut'] },
  ReleaseAvailableProviders: { index: 126, takes: ['handle', 'int'] },
  AddSessionConfigEntry: { index: 130, takes: ['handle', 'text', 'text'] },
  SessionOptionsAppendExecutionProvider_TensorRT_V2: { index: 170, takes: ['handle', 'handle'] },
  CreateTensorRTProviderOptions: { index: 171, takes: ['handleOut'] },
  UpdateTensorRTProviderOptions: { index: 172, takes: ['handle', 'texts', 'texts', 'size'] },
  ReleaseTensorRTProviderOptions: { index: 174, takes: ['handle'], gives: 'void' },
  SessionOptionsAppendExecutionProvider_CUDA_V2: { index: 204, takes: ['handle', 'handle'] },
  CreateCUDAProviderOptions: { index: 205, takes: ['handleOut'] },
  UpdateCUDAProviderOptions: { index: 206, takes: ['handle', 'texts', 'texts', 'size'] },
  ReleaseCUDAProviderOptions: { index: 208, takes: ['handle'], gives: 'void' },
} as const satisfies Readonly<Record<string, OrtMember>>;

export type OrtFunction = keyof typeof ORT_TABLE;

/** `ONNXTensorElementDataType`: the only element type SPECTA's networks have. */
export const FLOAT32 = 1;
/** `GraphOptimizationLevel`: everything. */
export const OPTIMISE_ALL = 99;
/** `OrtLoggingLevel`: errors come as statuses; printed as well they would break the log's JSON lines. */
export const LOG_FATAL = 4;
/** … but in a process of its own they say what a status leaves out: which library was not found. */
export const LOG_ERROR = 3;
/** `OrtAllocatorType` (arena) and `OrtMemType` (default) of memory that the caller owns. */
export const ARENA_ALLOCATOR = 1;
export const DEFAULT_MEMORY = 0;
