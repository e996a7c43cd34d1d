import type { Run } from '../domain/run.ts';
import type { OutboxMessage } from './message.ts';

type WriteRun = (run: Run, durable: boolean, message: OutboxMessage | null) => Promise<unknown>;

/** Writes runs down in order; of updates that come faster than the disk only the newest is written. */
export class RunWriter {
  private readonly write: WriteRun;
  private waiting: { run: Run; message: OutboxMessage | null; written: Promise<void> } | null = null;
  private last: Promise<unknown> = Promise.resolve();

  constructor(write: WriteRun) {
    this.write = write;
  }

  /** Resolves once this update or a newer one of the same run is written, with what it tells the surface. */
  update(run: Run, message: OutboxMessage | null): Promise<void> {
    if (this.waiting?.run.id === run.id) {
      this.waiting.run = run;
      // What was to be told before stays to be told by an update that tells nothing.
      this.waiting.message = message ?? this.waiting.message;
      return this.waiting.written;
    }
    const written = this.last.then(async () => {
      if (this.waiting === slot) this.waiting = null;
      // What the surface is to be told must not be lost: then it is worth a sync.
      await this.write(slot.run, slot.message !== null, slot.message);
    });
    const slot = { run, message, written };
    this.waiting = slot;
    this.last = written.catch(() => undefined);
    return written;
  }

  /** Writes the run synced to the disk, after every update given before. */
  put(run: Run, message: OutboxMessage | null): Promise<void> {
    this.waiting = null;
    const written = this.last.then(async () => {
      await this.write(run, true, message);
    });
    this.last = written.catch(() => undefined);
    return written;
  }

  /** Resolves when everything given before is written or has failed. */
  async settled(): Promise<void> {
    await this.last;
  }
}
