import type { OutboxLane } from '../domain/outbox.ts';
import type { Run } from '../domain/run.ts';
import { Emitter } from '../platform/emitter.ts';
import type { CommitKey } from './commit-table.ts';
import type { EvidenceRef } from './evidence.ts';
import type { OutboxMessage } from './message.ts';
import type { Body } from './protocol.ts';
import type { RecordClient } from './record-client.ts';

/**
 * Writes what must be on the disk before anybody is told. Each request has a key of its own, so that one that is given again
 * after the worker died counts once; what it put into the outbox is told then.
 */
export class CommitWriter {
  private readonly client: RecordClient;
  private readonly committed = new Emitter<{
    readonly lane: OutboxLane;
    readonly fresh: readonly number[];
  }>();
  private readonly unanswered = new Set<number>();
  private lastCommit = 0;

  constructor(client: RecordClient) {
    this.client = client;
  }

  /** Calls `listener` with the lane of what was just committed and the numbers of what is new; the returned function ends it. */
  onCommit(listener: (lane: OutboxLane, fresh: readonly number[]) => void): () => void {
    return this.committed.on(({ lane, fresh }) => listener(lane, fresh));
  }

  /** Something of the lane waits again that is not new. */
  toldAgain(lane: OutboxLane): void {
    this.committed.emit({ lane, fresh: [] });
  }

  /** Resolves with the numbers of the messages. */
  async commit(
    what: Pick<Body<'commit'>, 'finding' | 'tells' | 'evidence'>,
    messages: readonly OutboxMessage[],
  ): Promise<readonly number[]> {
    const own = messages.map(ownBytes);
    const ids = await this.keyed((key) => this.client.ask('commit', { key, ...what, messages: own }));
    for (const lane of new Set(own.map((message) => message.lane))) {
      this.committed.emit({ lane, fresh: ids.filter((_, index) => own[index]?.lane === lane) });
    }
    return ids;
  }

  /** Writes how far a run is, with what tells the surface of it. */
  async run(run: Run, durable: boolean, message: OutboxMessage | null): Promise<void> {
    if (message === null) {
      await this.client.ask('run', { run, durable, tells: null });
      return;
    }
    const own = ownBytes(message);
    const fresh = await this.keyed((key) =>
      this.client.ask('run', { run, durable, tells: { key, message: own } }),
    );
    this.committed.emit({ lane: message.lane, fresh });
  }

  /** Draws on a still and puts the picture into the outbox. */
  async annotate(order: Omit<Body<'annotate'>, 'key'>): Promise<EvidenceRef> {
    const drawn = await this.keyed((key) => this.client.ask('annotate', { key, ...order }));
    this.toldAgain('image');
    return drawn;
  }

  private async keyed<T>(work: (key: CommitKey) => Promise<T>): Promise<T> {
    const number = ++this.lastCommit;
    this.unanswered.add(number);
    const [answeredBelow] = this.unanswered;
    try {
      return await work({ session: this.client.session, number, answeredBelow });
    } finally {
      this.unanswered.delete(number);
    }
  }
}

/** Bytes of their own: they are kept until answered, and a view would carry the whole buffer below it along. */
function ownBytes(message: OutboxMessage): OutboxMessage {
  return { ...message, payload: new Uint8Array(message.payload) };
}
