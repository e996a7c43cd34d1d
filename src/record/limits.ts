/** How much the record may keep, and how long it waits. Findings and runs always stay. */
export interface RecordLimits {
  /** Bytes of all messages that wait, images included. */
  readonly outboxBytes: number;
  /** Messages older than this are given up, ms. */
  readonly outboxAgeMs: number;
  /** Messages of runs that wait, for a surface that never asks for them; the newest of a run tells its whole coverage. */
  readonly runMessages: number;
  /** Bytes of the alerts kept to be told again; the newest of each finding stays whatever it takes. */
  readonly toldBytes: number;
  /** Bytes of all stills. */
  readonly stillBytes: number;
  /** Stills older than this are removed, ms. */
  readonly stillAgeMs: number;
  /** With less than this free on the disk no still is written: the rest belongs to alerts. */
  readonly reserveBytes: number;
  /** Pictures that may wait to be saved or drawn; one more is refused. */
  readonly imageQueue: number;
  /** A request unanswered for this long says that the disk is stuck, ms. */
  readonly stuckMs: number;
}

const DAY_MS = 86_400_000;
const MEBIBYTE = 1_048_576;

export const DEFAULT_LIMITS: RecordLimits = {
  outboxBytes: 512 * MEBIBYTE,
  outboxAgeMs: 30 * DAY_MS,
  runMessages: 20_000,
  toldBytes: 256 * MEBIBYTE,
  stillBytes: 2048 * MEBIBYTE,
  stillAgeMs: 90 * DAY_MS,
  reserveBytes: 32 * MEBIBYTE,
  imageQueue: 8,
  stuckMs: 10_000,
};
