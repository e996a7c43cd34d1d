import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { stored } from './row.ts';

/** A request that writes, numbered by its sender: given again after the worker died, it must change nothing. */
export interface CommitKey {
  /** One opened record: random. */
  readonly session: string;
  readonly number: number;
  /** Requests below this were answered and will never be given again. */
  readonly answeredBelow: number;
}

/** Requests of this session that were carried out, each with the outbox numbers that it made. */
export class CommitTable {
  private readonly find: StatementSync;
  private readonly insert: StatementSync;
  private readonly forgetAnswered: StatementSync;
  private readonly forgetOthers: StatementSync;

  constructor(db: DatabaseSync) {
    this.find = db.prepare('SELECT ids FROM commits WHERE session = ? AND number = ?');
    this.insert = db.prepare('INSERT INTO commits (session, number, ids) VALUES (?, ?, ?)');
    this.forgetAnswered = db.prepare('DELETE FROM commits WHERE session = ? AND number < ?');
    this.forgetOthers = db.prepare('DELETE FROM commits WHERE session <> ?');
  }

  /** Runs `work` once per key; afterwards gives what it gave then. Inside the caller's transaction. */
  once(key: CommitKey, work: () => readonly number[]): readonly number[] {
    const done = this.find.get(key.session, key.number);
    if (done !== undefined) return stored<number[]>(done, 'ids');
    const ids = work();
    this.forgetAnswered.run(key.session, key.answeredBelow);
    this.insert.run(key.session, key.number, JSON.stringify(ids));
    return ids;
  }

  /** Forgets sessions that are over. */
  keepOnly(session: string): void {
    this.forgetOthers.run(session);
  }
}
