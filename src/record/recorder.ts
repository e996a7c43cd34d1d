import type { OutboxEntry } from '../domain/outbox.ts';
import { Counters } from '../platform/counters.ts';
import { asSpectaError, type ErrorCode, SpectaError, systemCode } from '../platform/errors.ts';
import type { FileSystem } from '../platform/files.ts';
import { transaction } from './database.ts';
import type { EvidenceRef } from './evidence.ts';
import type { Stamp } from './message.ts';
import type { OpenRecord } from './open-record.ts';
import type { OutboxRow } from './outbox-table.ts';
import { drawStill, saveStill } from './pictures.ts';
import type { Answer, Body, RecordCounter, Report, RequestKind } from './protocol.ts';
import { RecordHolder } from './record-holder.ts';
import { isAged } from './retention.ts';
import { isFull, wantRoom } from './room.ts';

type Handlers = { readonly [K in RequestKind]: (body: Body<K>, stamp: Stamp) => Promise<Answer<K>> };

/** Alerts told again in one transaction. */
const RESEND_BATCH = 100;

const COUNTED: Readonly<Partial<Record<ErrorCode, RecordCounter>>> = {
  DISK_FULL: 'disk-full',
  DISK_FAILED: 'disk-failed',
};

/**
 * The record itself, as it runs inside the worker: one database and one folder of stills. Requests that write are
 * carried out one after the other in the order they came. Pictures are worked on beside them, one still and one
 * drawing at a time: an alert never waits for a picture, and a still, which its alert names, never for a drawing.
 */
export class Recorder {
  private readonly counters = new Counters<RecordCounter>();
  private readonly told = new Counters<RecordCounter>();
  private readonly holder: RecordHolder;
  private writes: Promise<unknown> = Promise.resolve();
  private saves: Promise<unknown> = Promise.resolve();
  private drawings: Promise<unknown> = Promise.resolve();

  constructor(fs: FileSystem) {
    this.holder = new RecordHolder(fs, this.counters);
  }

  /** Carries out one request. Rejects with SpectaError; the state is whole then, and as before. */
  async handle<K extends RequestKind>(kind: K, body: Body<K>, stamp: Stamp): Promise<Answer<K>> {
    try {
      return await this.handlers[kind](body, stamp);
    } catch (error) {
      throw this.counted(error);
    }
  }

  /** How it stands now; what was counted is told once. */
  report(): Report {
    const counted: [RecordCounter, number][] = [];
    for (const [reason, count] of Object.entries(this.counters.snapshot()) as [RecordCounter, number][]) {
      const fresh = count - this.told.get(reason);
      if (fresh === 0) continue;
      counted.push([reason, fresh]);
      this.told.add(reason, fresh);
    }
    return { depth: this.depth(), counted, ...this.holder.takeAside() };
  }

  private readonly handlers: Handlers = {
    open: (body, stamp) =>
      this.write(async () => {
        await this.holder.open(body, stamp);
        return null;
      }),

    run: ({ run, durable, tells }, stamp) =>
      this.write(async () => {
        const ids = await this.commit(stamp, durable, ({ history, outbox, commits }) => {
          history.putRun(run, stamp);
          return tells === null ? [] : commits.once(tells.key, () => [outbox.add(tells.message, stamp)]);
        });
        if (tells !== null) await this.keepWithinLimits(stamp);
        return ids;
      }),

    commit: ({ key, finding, tells, evidence, messages }, stamp) =>
      this.write(async () => {
        const ids = await this.commit(stamp, true, (record) =>
          record.commits.once(key, () => {
            if (evidence) record.evidence.add(evidence, stamp);
            if (finding) record.history.putFinding(finding, stamp);
            return messages.map((message) => {
              const id = record.outbox.add(message, stamp);
              if (tells && message.lane === 'alert') record.alerts.add(tells, message, id, stamp);
              return id;
            });
          }),
        );
        await this.keepWithinLimits(stamp);
        return ids;
      }),

    still: (body) => {
      const saved = this.saves.then(() => saveStill(this.opened(), this.reserveBytes(), body));
      this.saves = saved.catch(() => this.counters.add('image-failed'));
      return saved;
    },

    annotate: (body, stamp) => {
      const drawn = this.drawings.then(() => this.draw(body, stamp));
      this.drawings = drawn.catch(() => this.counters.add('image-failed'));
      return drawn;
    },

    head: async ({ lane, limit, afterId }) => {
      const entries: OutboxEntry[] = [];
      let behind = afterId;
      // Pictures that are gone must not hide those behind them.
      while (entries.length < limit) {
        const rows = this.opened().outbox.head(lane, limit - entries.length, behind);
        for (const row of rows) {
          const entry = await this.entry(row);
          if (entry) entries.push(entry);
          behind = row.id;
        }
        if (rows.length === 0) break;
      }
      return entries;
    },

    settle: ({ entry }, stamp) =>
      this.write(async () => {
        await this.commit(stamp, false, ({ outbox }) => outbox.settle(entry));
        return null;
      }),

    mark: ({ entry, reason }, stamp) =>
      this.write(async () => {
        await this.commit(stamp, false, ({ outbox }) => outbox.mark(entry, reason));
        return null;
      }),

    alerts: async (page) => this.opened().alerts.newest(page),

    resend: async (query, stamp) => {
      const waiting = this.opened().alerts.countWaiting(query);
      const { limits } = this.holder;
      let queued = 0;
      let afterId = 0;
      // A batch at a time: alerts that are committed meanwhile do not wait for all of them.
      for (;;) {
        const batch = await this.write(() =>
          this.commit(stamp, false, ({ alerts, outbox }) => {
            const kept = alerts.notWaiting(query, afterId, RESEND_BATCH);
            for (const { id, committed, ...message } of kept) {
              // The outbox would give it up at once.
              if (limits && isAged({ ...committed, bytes: 0 }, stamp, limits.outboxAgeMs)) continue;
              alerts.carriedBy(id, outbox.add(message, committed));
              queued += 1;
            }
            return kept;
          }),
        );
        const last = batch.at(-1);
        if (last === undefined) return { queued, waiting };
        afterId = last.id;
      }
    },

    resendImage: ({ findingId, topic }, stamp) =>
      this.write(() =>
        this.commit(stamp, false, ({ evidence, outbox }) => {
          const picture = evidence.newestPicture(findingId);
          if (picture === null) return 'gone';
          const { limits } = this.holder;
          if (limits && isAged(picture, stamp, limits.outboxAgeMs)) return 'gone';
          if (outbox.idsOfFile(picture.file).length > 0) return 'waiting';
          const { boot, utcMs, monoMs } = picture;
          const message = { lane: 'image', topic, contentType: 'image/jpeg' } as const;
          outbox.addFile(message, picture.file, picture.bytes, { boot, utcMs, monoMs });
          return 'queued';
        }),
      ),

    findings: async (query) => this.opened().history.findings(query),
    runs: async () => this.opened().history.runs(),
    unfinished: async ({ vehicle }) => this.opened().history.unfinished(vehicle),
    evidence: async ({ findingId }) => this.opened().evidence.of(findingId),

    tick: ({ probe }, stamp) =>
      this.write(async () => {
        await this.holder.ensureOpen(stamp);
        if (probe) await this.commit(stamp, true, ({ history }) => history.probe(stamp));
        const record = this.opened();
        await record.retention.enforce(record, stamp);
        return { noRoom: probe ? await this.noRoom() : null };
      }),

    close: async () => {
      await this.saves;
      await this.drawings;
      await this.writes;
      this.holder.close();
      return null;
    },
  };

  /** Requests that write wait for each other; a failed one does not hold up the next. */
  private write<T>(work: () => Promise<T>): Promise<T> {
    const done = this.writes.then(work);
    this.writes = done.catch(() => undefined);
    return done;
  }

  private async draw(body: Body<'annotate'>, stamp: Stamp): Promise<EvidenceRef> {
    const still = await drawStill(this.opened(), this.reserveBytes(), body);
    const message = { lane: 'image', topic: body.topic, contentType: 'image/jpeg' } as const;
    await this.write(async () => {
      await this.commit(stamp, true, (record) =>
        record.commits.once(body.key, () => {
          record.evidence.add(still, stamp);
          return [record.outbox.addFile(message, still.file, still.bytes, stamp)];
        }),
      );
      await this.keepWithinLimits(stamp);
    });
    return still;
  }

  private commit<T>(stamp: Stamp, durable: boolean, work: (record: OpenRecord) => T): Promise<T> {
    return this.holder.commit(stamp, durable, work);
  }

  /** A row as the link wants it; null when its picture is gone or cannot be read any more, and then the row goes too. */
  private async entry(row: OutboxRow): Promise<OutboxEntry | null> {
    const { file, payload, ...rest } = row;
    if (file === null) return { ...rest, payload: payload ?? new Uint8Array() };
    let reason = 'image-missing';
    const read = await this.opened()
      .stills.read(file)
      .catch((error: unknown) => {
        // A bad spot of the disk stays bad: it must not hold back the pictures behind it.
        if (!(error instanceof SpectaError) || systemCode(error.cause) !== 'EIO') throw error;
        reason = 'image-unreadable';
        return null;
      });
    if (read !== null) return { ...rest, payload: read };
    await this.write(async () => {
      const { db, outbox } = this.opened();
      transaction(db, false, () => outbox.drop(row.id, reason));
    });
    return null;
  }

  /** After a commit: a failure here is counted only, for what was asked for is done; the next tick tries again. */
  private async keepWithinLimits(stamp: Stamp): Promise<void> {
    const record = this.opened();
    try {
      if (record.retention.isOver(record)) await record.retention.enforce(record, stamp);
    } catch (error) {
      this.counted(error);
    }
  }

  /** Why no pictures are kept at present; null when they are. */
  private async noRoom(): Promise<string | null> {
    try {
      await wantRoom(this.opened(), this.reserveBytes());
      return null;
    } catch (error) {
      if (error instanceof SpectaError && isFull(error)) return error.message;
      throw error;
    }
  }

  private depth(): Report['depth'] {
    try {
      return this.holder.current?.outbox.depth() ?? null;
    } catch {
      // The request that met the same failing disk tells of it; the counts stay as last known.
      return null;
    }
  }

  private counted(error: unknown): SpectaError {
    const told = asSpectaError(this.holder.failure(error));
    const counter = COUNTED[told.code];
    if (counter) this.counters.add(counter);
    return told;
  }

  private opened(): OpenRecord {
    return this.holder.opened();
  }

  private reserveBytes(): number {
    return this.holder.limits?.reserveBytes ?? 0;
  }
}
