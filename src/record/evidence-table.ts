import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { EvidenceRef, StoredEvidence } from './evidence.ts';
import type { Aging, Stamp } from './message.ts';
import { number, type Row, text, textOrNull } from './row.ts';

function storedEvidence(row: Row): StoredEvidence {
  return {
    file: text(row, 'file'),
    kind: text(row, 'kind') === 'annotated' ? 'annotated' : 'clean',
    findingId: text(row, 'finding'),
    runId: text(row, 'run'),
    sequence: number(row, 'sequence'),
    capturedUtcMs: number(row, 'captured_utc_ms'),
    probability: number(row, 'probability'),
    sha256: text(row, 'sha256'),
    bytes: number(row, 'bytes'),
    width: number(row, 'width'),
    height: number(row, 'height'),
    savedUtcMs: number(row, 'saved_utc_ms'),
    dropped: textOrNull(row, 'dropped'),
  };
}

function agingFile(row: Row): Aging & { file: string } {
  return {
    file: text(row, 'file'),
    bytes: number(row, 'bytes'),
    boot: text(row, 'boot'),
    utcMs: number(row, 'saved_utc_ms'),
    monoMs: number(row, 'saved_mono_ms'),
  };
}

/** The index of stills. A row stays when its file must go, so that a report can say so. */
export class EvidenceTable {
  private readonly insert: StatementSync;
  private readonly ofFinding: StatementSync;
  private readonly live: StatementSync;
  private readonly oldestLive: StatementSync;
  private readonly markDropped: StatementSync;
  private readonly total: StatementSync;
  private readonly newest: StatementSync;

  constructor(db: DatabaseSync) {
    this.insert = db.prepare(
      'INSERT INTO evidence (file, kind, finding, run, sequence, captured_utc_ms, probability, sha256, bytes, width, ' +
        'height, boot, saved_utc_ms, saved_mono_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ' +
        'ON CONFLICT (file) DO NOTHING',
    );
    this.ofFinding = db.prepare('SELECT * FROM evidence WHERE finding = ? ORDER BY rowid');
    this.live = db.prepare('SELECT file FROM evidence WHERE dropped IS NULL');
    this.oldestLive = db.prepare(
      'SELECT file, bytes, boot, saved_utc_ms, saved_mono_ms FROM evidence WHERE dropped IS NULL ORDER BY rowid LIMIT ?',
    );
    this.markDropped = db.prepare('UPDATE evidence SET dropped = ? WHERE file = ? AND dropped IS NULL');
    this.newest = db.prepare(
      "SELECT file, bytes, boot, saved_utc_ms, saved_mono_ms FROM evidence WHERE finding = ? AND kind = 'annotated' " +
        'AND dropped IS NULL ORDER BY rowid DESC LIMIT 1',
    );
    this.total = db.prepare("SELECT bytes FROM totals WHERE name = 'stills'");
  }

  /** Adds a still. One that is known stays as it is: a later step of its finding must not call back what is gone. */
  add(still: EvidenceRef, stamp: Stamp): void {
    this.insert.run(
      still.file,
      still.kind,
      still.findingId,
      still.runId,
      still.sequence,
      still.capturedUtcMs,
      still.probability,
      still.sha256,
      still.bytes,
      still.width,
      still.height,
      stamp.boot,
      stamp.utcMs,
      stamp.monoMs,
    );
  }

  /** Everything kept for a finding, oldest first. */
  of(findingId: string): StoredEvidence[] {
    return this.ofFinding.all(findingId).map(storedEvidence);
  }

  /** The files that must be there. */
  liveFiles(): Set<string> {
    return new Set(this.live.all().map((row) => text(row, 'file')));
  }

  /** Bytes of all stills whose files are there. */
  liveBytes(): number {
    const row = this.total.get();
    return row === undefined ? 0 : number(row, 'bytes');
  }

  /** The stills saved first of those whose files are there. */
  oldest(limit: number): (Aging & { file: string })[] {
    return this.oldestLive.all(limit).map(agingFile);
  }

  /** The last annotated image of a finding whose file is there; null: none. */
  newestPicture(findingId: string): (Aging & { file: string }) | null {
    const row = this.newest.get(findingId);
    return row === undefined ? null : agingFile(row);
  }

  /** Notes that a file is gone; false when that was known. */
  drop(file: string, reason: string): boolean {
    return this.markDropped.run(reason, file).changes > 0;
  }
}
