/** Every error code SPECTA gives. Stable: scripts and operators may rely on them. */
export const ERROR_CODES = [
  'CONFIG_UNREADABLE',
  'CONFIG_INVALID',
  'USAGE',
  'IMAGE_UNREADABLE',
  'IMAGE_EMPTY',
  'IMAGE_TRUNCATED',
  'IMAGE_UNSUPPORTED',
  'IMAGE_TOO_LARGE',
  'FRAME_INVALID',
  'FOLDER_UNREADABLE',
  'FOLDER_EMPTY',
  'BUNDLE_MISSING',
  'BUNDLE_MANIFEST_INVALID',
  'BUNDLE_FILE_MISSING',
  'BUNDLE_FILE_ALTERED',
  'BUNDLE_NOT_SERVABLE',
  'BUNDLE_ARCHIVE_INVALID',
  'BUNDLE_TOO_LARGE',
  'BUNDLE_TOO_SLOW',
  'BUNDLE_UNSIGNED',
  'BUNDLE_SIGNATURE_INVALID',
  'BUNDLE_INCOMPATIBLE',
  'BUNDLE_ANOTHER_MODEL',
  'BUNDLE_DOWNGRADE',
  'BUNDLE_IN_USE',
  'KEY_INVALID',
  'KEY_EXISTS',
  'SLOTS_BUSY',
  'SLOTS_CORRUPT',
  'SLOT_EMPTY',
  'TRIAL_UNDERWAY',
  'PROVIDER_ABSENT',
  'ENGINE_FAILED',
  'GOLDEN_MISMATCH',
  'CAMERA_URI_INVALID',
  'CAMERA_UNSUPPORTED',
  'CAMERA_FAILED',
  'LIGHT_FAILED',
  'LIGHT_UNSUPPORTED',
  'DISK_FULL',
  'DISK_FAILED',
  'RECORD_SCHEMA_NEWER',
  'RECORD_CORRUPT',
  'RECORD_BUSY',
  'BROKER_UNREACHABLE',
  'BROKER_REFUSED',
  'PORT_IN_USE',
  'DATA_INVALID',
  'DAEMON_RUNNING',
  'DAEMON_ABSENT',
  'DAEMON_FORBIDDEN',
  'REQUEST_UNKNOWN',
  'REQUEST_INVALID',
  'REQUEST_TOO_LARGE',
  'REQUEST_DISABLED',
  'REQUEST_EXPIRED',
  'REQUEST_BUSY',
  'REQUEST_REFUSED',
  'RUNTIME_UNSUPPORTED',
  'INTERNAL',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** The one error of SPECTA: a stable code, what happened, and what to do about it. */
export class SpectaError extends Error {
  readonly code: ErrorCode;
  /** What the reader can do about it: one sentence. */
  readonly help: string;

  /**
   * @param code stable code
   * @param message what happened, with the names and values that matter
   * @param help what to do about it
   * @param cause the error underneath, where there is one
   */
  constructor(code: ErrorCode, message: string, help: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SpectaError';
    this.code = code;
    this.help = help;
  }
}

/** The error as given, or wrapped as `INTERNAL` when it is none of ours. */
export function asSpectaError(error: unknown): SpectaError {
  if (error instanceof SpectaError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SpectaError(
    'INTERNAL',
    message,
    'This is a fault in SPECTA: report it with the log around this line.',
    error,
  );
}

/** What crosses a thread or process boundary instead of an error object. */
export interface ErrorRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly help: string;
}

export function toErrorRecord(error: unknown): ErrorRecord {
  const { code, message, help } = asSpectaError(error);
  return { code, message, help };
}

export function fromErrorRecord(record: ErrorRecord): SpectaError {
  return new SpectaError(record.code, record.message, record.help);
}

/** The operating system's code (`ENOSPC`, `EACCES`…) of an error, if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}
