import { randomUUID } from 'node:crypto';
import type { Clock } from '../platform/clock.ts';
import { fromErrorRecord, SpectaError } from '../platform/errors.ts';
import type { Answer } from '../surface/messages/request.ts';
import { topicsOf } from '../surface/topics.ts';

/** How requests leave: the link's `publish`. */
export type Send = (topic: string, payload: Uint8Array, expirySeconds: number) => Promise<void>;

const PATIENCE_MS = 20_000;

interface Waiting {
  readonly vehicle: string;
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: SpectaError) => void;
  readonly cancel: () => void;
}

/**
 * Asks vehicles over MQTT: `request/<name>` with a transaction of its own, answered on `response/<name>`. That is where
 * every console hears the answer; each knows its own by the transaction.
 */
export class Asking {
  private readonly send: Send;
  private readonly clock: Clock;
  private readonly waiting = new Map<string, Waiting>();

  constructor(send: Send, clock: Clock) {
    this.send = send;
    this.clock = clock;
  }

  /**
   * Asks and gives the answer's data. Rejects with the vehicle's own error, with `BROKER_UNREACHABLE`, or with
   * `REQUEST_BUSY` when no answer comes.
   */
  async ask(vehicle: string, name: string, fields: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const transaction = `console-${randomUUID()}`;
    const answered = Promise.withResolvers<unknown>();
    const cancel = this.clock.after(PATIENCE_MS, () => {
      answered.reject(
        new SpectaError(
          'REQUEST_BUSY',
          `${vehicle} did not answer ${name} within ${PATIENCE_MS / 1000} s; it may still do it.`,
          'Look whether the vehicle is heard at all, and ask again.',
        ),
      );
    });
    this.waiting.set(transaction, { vehicle, resolve: answered.resolve, reject: answered.reject, cancel });
    try {
      const topic = `${topicsOf(vehicle).base}/request/${name}`;
      const payload = new TextEncoder().encode(JSON.stringify({ ...fields, transaction }));
      // Awaited only when the request has left; an answer, or its absence, may come before that.
      answered.promise.catch(() => undefined);
      await this.send(topic, payload, PATIENCE_MS / 1000);
      return await answered.promise;
    } finally {
      cancel();
      this.waiting.delete(transaction);
    }
  }

  /** An answer that came on a topic of `vehicle`; those to others are left alone. */
  hear(vehicle: string, answer: Answer<unknown>): void {
    const waiting = answer.transaction === null ? undefined : this.waiting.get(answer.transaction);
    if (waiting === undefined || waiting.vehicle !== vehicle) return;
    if (answer.error !== null) waiting.reject(fromErrorRecord(answer.error));
    else waiting.resolve(answer.data);
  }
}
