import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { SpectaError } from '../platform/errors.ts';
import { migrateHistory } from './history-schema.ts';

/** One row of an answer. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

/** The file of a history: SQLite with every statement prepared once. */
export class HistoryDatabase {
  private readonly db: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();

  /** @param path a file, made if need be; `:memory:` for none. Throws `DISK_FAILED` or `RECORD_SCHEMA_NEWER`. */
  constructor(path: string) {
    try {
      this.db = new DatabaseSync(path, { timeout: 2_000 });
      this.db.exec('PRAGMA journal_mode = WAL');
      this.db.exec('PRAGMA synchronous = NORMAL');
      migrateHistory(this.db, path);
    } catch (error) {
      if (error instanceof SpectaError) throw error;
      throw new SpectaError(
        'DISK_FAILED',
        `The console's history ${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}.`,
        'Check the folder and the disk, or give another one with --folder.',
        error,
      );
    }
  }

  /** Everything `work` writes is kept, or nothing of it; inside another one it is a part of that. */
  together<T>(work: () => T): T {
    if (this.db.isTransaction) return work();
    this.db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK');
      throw error;
    }
  }

  /** The first row of an answer; undefined when there is none. */
  row(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.prepared(sql).get(...values);
  }

  rows(sql: string, ...values: readonly SQLInputValue[]): Row[] {
    return this.prepared(sql).all(...values);
  }

  /** Writes; gives how many rows changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(this.prepared(sql).run(...values).changes);
  }

  /** Idempotent. */
  close(): void {
    if (this.db.isOpen) this.db.close();
  }

  private prepared(sql: string): StatementSync {
    const known = this.statements.get(sql);
    if (known) return known;
    const made = this.db.prepare(sql);
    this.statements.set(sql, made);
    return made;
  }
}
