import { createHash } from 'node:crypto';
import type { ClockQuality } from '../domain/time.ts';
import type { Clock } from '../platform/clock.ts';
import { asSpectaError, SpectaError, toErrorRecord } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { nearestName } from '../platform/nearest-name.ts';
import { encode } from './messages/envelope.ts';
import {
  type Answer,
  answerSchema,
  type DataOf,
  isRequestName,
  mostRequestBytes,
  REQUEST_NAMES,
  REQUESTS,
  type RequestName,
  type RequestOf,
} from './messages/request.ts';

/** What does each request. What it throws becomes the answer's error. */
export type RequestHandlers = {
  readonly [Name in RequestName]: (request: RequestOf<Name>) => DataOf<Name> | Promise<DataOf<Name>>;
};

export interface RequestOptions {
  readonly handlers: RequestHandlers;
  /** Answered with `REQUEST_DISABLED`, whoever asks. */
  readonly disabled: readonly RequestName[];
  readonly clock: Clock;
  readonly clockQuality: () => ClockQuality;
  readonly log: Logger;
}

/**
 * Answers requests, however they came: the control socket and the link are only ways to it. It never rejects and never
 * throws: whatever bytes come, an answer goes back.
 */
export interface Requests {
  /**
   * @param name as in `light/test`
   * @param payload JSON, or nothing
   * @returns the answer, JSON
   */
  answer(name: string, payload: Uint8Array): Promise<Uint8Array>;
}

/** Requests under way at once; one more is refused. */
const MOST_AT_ONCE = 16;
/** A request that takes longer is answered with an error, ms; what it began goes on. */
const PATIENCE_MS = 15_000;
/** Answers kept for a transaction that comes again. */
const KEPT_ANSWERS = 256;
const KEPT_BYTES = 4_194_304;

export function createRequests(options: RequestOptions): Requests {
  return new RequestDesk(options);
}

interface Kept {
  /** Of name and payload: the same transaction for something else is a mistake. */
  readonly digest: string;
  readonly answer: Promise<Uint8Array>;
  /** 0 while it is under way. */
  bytes: number;
}

class RequestDesk implements Requests {
  private readonly options: RequestOptions;
  private readonly disabled: ReadonlySet<string>;
  private readonly kept = new Map<string, Kept>();
  private keptBytes = 0;
  private underWay = 0;

  constructor(options: RequestOptions) {
    this.options = options;
    this.disabled = new Set(options.disabled);
  }

  async answer(name: string, payload: Uint8Array): Promise<Uint8Array> {
    let transaction: string | null = null;
    try {
      const content = contentOf(name, payload);
      transaction = transactionOf(content);
      const known = knownName(name);
      const request = checked(known, content);
      if (this.disabled.has(known)) throw disabled(known);
      return await this.once(known, request, payload, transaction);
    } catch (error) {
      return refusal(error, transaction);
    }
  }

  /** Does a request with a transaction only if it was not done, or begun, before. */
  private once(
    name: RequestName,
    request: RequestOf<RequestName>,
    payload: Uint8Array,
    transaction: string | null,
  ): Promise<Uint8Array> {
    if (transaction === null) {
      this.refuseExpired(request.expires);
      this.refuseTooMany();
      return this.carryOut(name, request, transaction);
    }
    const digest = createHash('sha256').update(name).update('\n').update(payload).digest('hex');
    const before = this.kept.get(transaction);
    if (before?.digest === digest) return before.answer;
    if (before !== undefined) {
      throw new SpectaError(
        'REQUEST_INVALID',
        `The transaction ${transaction} was used before, for another request.`,
        'Choose a new transaction for each request.',
      );
    }
    // Not before: what was done in time is answered so, however late it is asked for again.
    this.refuseExpired(request.expires);
    this.refuseTooMany();
    const kept: Kept = { digest, answer: this.carryOut(name, request, transaction), bytes: 0 };
    this.kept.set(transaction, kept);
    return kept.answer.then((bytes) => {
      kept.bytes = bytes.byteLength;
      this.keptBytes += kept.bytes;
      this.forgetOldest();
      return bytes;
    });
  }

  private forgetOldest(): void {
    for (const [transaction, { bytes }] of this.kept) {
      if (this.kept.size <= KEPT_ANSWERS && this.keptBytes <= KEPT_BYTES) return;
      // Still under way: it must be found when it comes again. There are at most MOST_AT_ONCE of them.
      if (bytes === 0) continue;
      this.kept.delete(transaction);
      this.keptBytes -= bytes;
    }
  }

  /** Never rejects. */
  private async carryOut(
    name: RequestName,
    request: RequestOf<RequestName>,
    transaction: string | null,
  ): Promise<Uint8Array> {
    const { clock, log } = this.options;
    this.underWay += 1;
    let cancel = (): void => undefined;
    try {
      const late = new Promise<never>((_, reject) => {
        cancel = clock.after(PATIENCE_MS, () => reject(tooSlow(name)));
      });
      const data = await Promise.race([this.handle(name, request), late]);
      log[REQUESTS[name].changes ? 'info' : 'debug']({ request: name, transaction }, 'done on request');
      const answer: Answer<unknown> = { status: 'ok', data, error: null, transaction };
      return encode<unknown>(answerSchema(REQUESTS[name].data), answer);
    } catch (error) {
      const { code, message } = asSpectaError(error);
      log[code === 'INTERNAL' ? 'error' : 'warn']({ request: name, transaction, code }, message);
      return refusal(error, transaction);
    } finally {
      cancel();
      this.underWay -= 1;
    }
  }

  private async handle(name: RequestName, request: RequestOf<RequestName>): Promise<unknown> {
    // The schema of this very name has checked the request; the type system cannot follow a name that varies.
    const handler = this.options.handlers[name] as (given: RequestOf<RequestName>) => unknown;
    return handler(request);
  }

  private refuseTooMany(): void {
    if (this.underWay < MOST_AT_ONCE) return;
    throw new SpectaError(
      'REQUEST_BUSY',
      `${MOST_AT_ONCE} requests are under way already.`,
      'Ask again in a moment.',
    );
  }

  private refuseExpired(expires: string | undefined): void {
    if (expires === undefined) return;
    const { clock, clockQuality } = this.options;
    if (clockQuality() === 'unset') {
      throw new SpectaError(
        'REQUEST_EXPIRED',
        "The vehicle's clock was never set, so that it cannot tell whether the request is still wanted.",
        'Set the clock, or ask without "expires".',
      );
    }
    if (clock.now().utcMs <= Date.parse(expires)) return;
    throw new SpectaError(
      'REQUEST_EXPIRED',
      `The request was not to be done after ${expires}.`,
      'Ask again; if the clocks differ, set them.',
    );
  }
}

/** The payload as JSON; nothing counts as a request without any field. */
function contentOf(name: string, payload: Uint8Array): unknown {
  const most = mostRequestBytes(name);
  if (payload.byteLength > most) {
    throw new SpectaError(
      'REQUEST_TOO_LARGE',
      `This request has at most ${most} bytes; this one has ${payload.byteLength}.`,
      'Send what docs/messages asks for.',
    );
  }
  if (payload.byteLength === 0) return {};
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch (error) {
    throw new SpectaError(
      'REQUEST_INVALID',
      `The request is no JSON: ${error instanceof Error ? error.message : String(error)}.`,
      'Send a JSON object, or nothing where no field is needed.',
      error,
    );
  }
}

/** Also of a request that is wrong otherwise, so that whoever asked can tell which one it was. */
function transactionOf(content: unknown): string | null {
  if (typeof content !== 'object' || content === null || !Object.hasOwn(content, 'transaction')) return null;
  const { transaction } = content as { readonly transaction: unknown };
  const isUsable = typeof transaction === 'string' && transaction.length > 0 && transaction.length <= 128;
  return isUsable ? transaction : null;
}

function knownName(name: string): RequestName {
  if (isRequestName(name)) return name;
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  const near = nearestName(name.slice(0, 80), REQUEST_NAMES);
  throw new SpectaError(
    'REQUEST_UNKNOWN',
    `This vehicle knows no request "${shown}".`,
    near === null ? `It knows ${REQUEST_NAMES.join(', ')}.` : `Did you mean ${near}?`,
  );
}

function checked(name: RequestName, content: unknown): RequestOf<RequestName> {
  const result = REQUESTS[name].request.safeParse(content);
  if (result.success) return result.data;
  const mistakes = result.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  );
  throw new SpectaError(
    'REQUEST_INVALID',
    `The request ${name} is not as it should be: ${mistakes.join('; ')}.`,
    'docs/messages/requests shows each request with its fields.',
  );
}

function disabled(name: RequestName): SpectaError {
  return new SpectaError(
    'REQUEST_DISABLED',
    `The request ${name} is disabled on this vehicle.`,
    'Take it out of requests.disabled in the configuration, if it is wanted.',
  );
}

function tooSlow(name: RequestName): SpectaError {
  return new SpectaError(
    'REQUEST_BUSY',
    `The request ${name} was not done within ${PATIENCE_MS / 1000} s; it may still be.`,
    'Look at the status of the vehicle before asking again.',
  );
}

function refusal(error: unknown, transaction: string | null): Uint8Array {
  const answer: Answer<null> = { status: 'error', data: null, error: toErrorRecord(error), transaction };
  return new TextEncoder().encode(JSON.stringify(answer));
}
