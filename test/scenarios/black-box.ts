import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Finding } from '../../src/domain/finding.ts';
import type { Run } from '../../src/domain/run.ts';
import { DATABASE_FILE } from '../../src/record/open-record.ts';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';

/** What a black box held at one moment. */
export interface BlackBoxContents {
  readonly findings: readonly Finding[];
  readonly runs: readonly Run[];
  /** Alerts that wait, in the order of sending. */
  readonly waiting: readonly AlertMessage[];
  /** Entries given up, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  readonly damage: string | null;
  /** The pictures that must be there. */
  readonly stills: readonly KeptStill[];
}

/** A row of the evidence whose file was not given up. */
export interface KeptStill {
  /** Below the record's folder. */
  readonly file: string;
  readonly sha256: string;
  readonly kind: string;
  readonly finding: string;
}

/**
 * Reads the black box of a dead daemon. It works on a copy, log included, so that the daemon that comes next meets
 * exactly what the dead one left. null: there is no database yet.
 */
export async function readBlackBox(stateFolder: string): Promise<BlackBoxContents | null> {
  const source = join(stateFolder, 'record', DATABASE_FILE);
  if (!existsSync(source)) return null;
  const folder = await mkdtemp(join(tmpdir(), 'specta-copy-'));
  try {
    const copy = join(folder, DATABASE_FILE);
    for (const ending of ['', '-wal']) {
      if (existsSync(source + ending)) await copyFile(source + ending, copy + ending);
    }
    return contentsOf(copy, false);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Looks into the black box of a running daemon. null: it has none yet. */
export function peekBlackBox(stateFolder: string): BlackBoxContents | null {
  const file = join(stateFolder, 'record', DATABASE_FILE);
  return existsSync(file) ? contentsOf(file, true) : null;
}

function contentsOf(file: string, readOnly: boolean): BlackBoxContents | null {
  const db = new DatabaseSync(file, { readOnly, timeout: 5_000 });
  try {
    const made = db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").get();
    if (!made) return null;
    const rows = (sql: string): Record<string, unknown>[] => db.prepare(sql).all();
    const parsed = <T>(text: unknown): T => JSON.parse(String(text)) as T;
    const [check] = rows('PRAGMA integrity_check');
    const verdict = String(check?.integrity_check);
    return {
      findings: rows('SELECT body FROM findings ORDER BY rowid').map(({ body }) => parsed<Finding>(body)),
      runs: rows('SELECT body FROM runs ORDER BY rowid').map(({ body }) => parsed<Run>(body)),
      waiting: rows("SELECT payload FROM outbox WHERE lane = 'alert' ORDER BY id").map(({ payload }) =>
        parsed<AlertMessage>(new TextDecoder().decode(payload as Uint8Array)),
      ),
      drops: Object.fromEntries(
        rows('SELECT reason, count FROM drops').map(({ reason, count }) => [String(reason), Number(count)]),
      ),
      damage: verdict === 'ok' ? null : verdict,
      stills: rows('SELECT file, sha256, kind, finding FROM evidence WHERE dropped IS NULL').map((row) => ({
        file: String(row.file),
        sha256: String(row.sha256),
        kind: String(row.kind),
        finding: String(row.finding),
      })),
    };
  } finally {
    db.close();
  }
}
