import type { Finding } from '../domain/finding.ts';
import type { OutboxDepth, OutboxEntry, OutboxLane } from '../domain/outbox.ts';
import type { Run } from '../domain/run.ts';
import type { ErrorRecord } from '../platform/errors.ts';
import type { AlertPage, AlertQuery, ToldAlert } from './alert-table.ts';
import type { Caption } from './annotate.ts';
import type { CommitKey } from './commit-table.ts';
import type { EvidenceRef, StoredEvidence } from './evidence.ts';
import type { FramePixels } from './frame-image.ts';
import type { FindingQuery, UnfinishedRun } from './history-table.ts';
import type { RecordLimits } from './limits.ts';
import type { OutboxMessage, Stamp } from './message.ts';

/** What a finding's still is made from. */
export interface StillOrder {
  readonly findingId: string;
  readonly runId: string;
  readonly sequence: number;
  readonly capturedUtcMs: number;
  readonly probability: number;
  readonly frame: FramePixels;
}

/** What the record worker can be asked: the request's body and its answer, by name. */
export interface Requests {
  open: {
    body: {
      readonly folder: string;
      readonly session: string;
      readonly limits: RecordLimits;
      /** First opening of this session: nothing is under way that a sweep could take for an orphan. */
      readonly sweep: boolean;
    };
    answer: null;
  };
  run: {
    body: {
      readonly run: Run;
      /** Synced to the disk. */
      readonly durable: boolean;
      /** What tells the surface of it, in the same transaction. */
      readonly tells: { readonly key: CommitKey; readonly message: OutboxMessage } | null;
    };
    answer: readonly number[];
  };
  commit: {
    body: {
      readonly key: CommitKey;
      readonly finding: Finding | null;
      /** Whose alerts the messages of the lane `alert` are; null or left out: nobody's, they are not kept. */
      readonly tells?: { readonly findingId: string; readonly runId: string } | null;
      readonly evidence: EvidenceRef | null;
      readonly messages: readonly OutboxMessage[];
    };
    answer: readonly number[];
  };
  still: { body: StillOrder; answer: EvidenceRef };
  annotate: {
    body: {
      readonly key: CommitKey;
      readonly evidence: EvidenceRef;
      readonly caption: Caption;
      readonly topic: string;
    };
    answer: EvidenceRef;
  };
  head: {
    body: { readonly lane: OutboxLane; readonly limit: number; readonly afterId: number };
    answer: readonly OutboxEntry[];
  };
  settle: { body: { readonly entry: number }; answer: null };
  mark: { body: { readonly entry: number; readonly reason: number | null }; answer: null };
  alerts: { body: AlertPage; answer: readonly ToldAlert[] };
  resend: { body: AlertQuery; answer: { readonly queued: number; readonly waiting: number } };
  resendImage: {
    body: { readonly findingId: string; readonly topic: string };
    /** `waiting`: it is in the outbox already. `gone`: there is none, or it is older than the outbox keeps. */
    answer: 'queued' | 'waiting' | 'gone';
  };
  findings: { body: FindingQuery; answer: readonly Finding[] };
  runs: { body: Readonly<Record<string, never>>; answer: readonly Run[] };
  unfinished: { body: { readonly vehicle: string }; answer: readonly UnfinishedRun[] };
  evidence: { body: { readonly findingId: string }; answer: readonly StoredEvidence[] };
  /** Keeps within the limits; `probe` also writes something, to learn whether the disk takes it again. */
  tick: {
    body: { readonly probe: boolean };
    /** Why no pictures are kept; null when they are, or when not probed. */
    answer: { readonly noRoom: string | null };
  };
  close: { body: Readonly<Record<string, never>>; answer: null };
}

export type RequestKind = keyof Requests;
export type Body<K extends RequestKind> = Requests[K]['body'];
export type Answer<K extends RequestKind> = Requests[K]['answer'];

/** What is counted in the record, beside what the outbox gave up. */
export type RecordCounter =
  | 'record-busy'
  | 'worker-died'
  | 'stuck'
  | 'disk-full'
  | 'disk-failed'
  | 'corrupt'
  | 'image-failed'
  | 'orphan-swept'
  | 'still-missing';

/** One request on its way to the worker. */
export type RequestLetter = {
  readonly [K in RequestKind]: {
    readonly id: number;
    readonly kind: K;
    readonly stamp: Stamp;
    readonly body: Body<K>;
  };
}[RequestKind];

/** How the record stands after a request. */
export interface Report {
  /** null while the database is not open. */
  readonly depth: OutboxDepth | null;
  /** Since the report before. */
  readonly counted: readonly (readonly [RecordCounter, number])[];
  /** Where a damaged record was put, once. */
  readonly movedAside: string | null;
  /** Where stills without an index were put, once. */
  readonly stillsAside: string | null;
}

/** The answer on its way back. */
export type AnswerLetter = { readonly id: number; readonly report: Report } & (
  | { readonly ok: true; readonly answer: unknown }
  | { readonly ok: false; readonly error: ErrorRecord }
);
