import { DatabaseSync } from 'node:sqlite';
import type { Finding } from '../../src/domain/finding.ts';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';
import { bodyDigest, keyOf, type PersistentListener } from './listener.ts';

/** What the record and the surface agree on, and what not. */
export interface Books {
  readonly findings: number;
  /** Alerts of the record. */
  readonly committed: number;
  /** Of them, those that came above water, however often. */
  readonly delivered: number;
  readonly duplicates: number;
  /** Committed and neither heard nor waiting to be sent, and steps of findings that nobody heard of. */
  readonly lost: number;
  /** Committed and waiting to be sent still. */
  readonly waiting: number;
  readonly faults: readonly string[];
}

const MOST_NAMED = 10;

/**
 * Holds the record of a vehicle that has stopped against what a listener heard, alert by alert: each that the record has,
 * each finding's opening and closing, and the other way round.
 *
 * @param database the black box's file
 */
export function balance(database: string, listener: PersistentListener): Books {
  const db = new DatabaseSync(database, { readOnly: true });
  try {
    const faults = [...listener.faults];
    const rows = (sql: string): Record<string, unknown>[] => db.prepare(sql).all();
    const parsed = <T>(bytes: unknown): T => JSON.parse(new TextDecoder().decode(bytes as Uint8Array)) as T;
    const [check] = rows('PRAGMA integrity_check');
    if (check?.integrity_check !== 'ok') faults.push(`the record is damaged: ${check?.integrity_check}`);
    for (const { reason, count } of rows('SELECT reason, count FROM drops')) {
      if (/^(alert|told)/.test(String(reason))) faults.push(`${count} alerts were given up: ${reason}`);
    }
    const waiting = new Set(
      rows("SELECT payload FROM outbox WHERE lane = 'alert'").map(({ payload }) =>
        keyOf(parsed<AlertMessage>(payload)),
      ),
    );
    const known = new Set<string>();
    const steps = new Set<string>();
    const lost: string[] = [];
    let delivered = 0;
    for (const { payload } of db.prepare('SELECT payload FROM alerts ORDER BY id').iterate()) {
      const alert = parsed<AlertMessage>(payload);
      const key = keyOf(alert);
      known.add(key);
      steps.add(`${alert.finding} ${alert.phase}`);
      const digest = listener.heard.get(key);
      if (digest !== undefined) {
        delivered += 1;
        if (digest !== bodyDigest(alert))
          faults.push(`alert ${key} is kept with another content than it came`);
      } else if (!waiting.has(key)) lost.push(`alert ${key}: ${alert.finding} ${alert.phase}`);
    }
    let findings = 0;
    for (const { body } of db.prepare('SELECT body FROM findings').iterate()) {
      const { id, closedAt } = JSON.parse(String(body)) as Finding;
      findings += 1;
      if (!steps.has(`${id} opened`)) lost.push(`${id} opened: no alert`);
      if (closedAt !== null && !steps.has(`${id} closed`)) lost.push(`${id} closed: no alert`);
    }
    const strangers = [...listener.heard.keys()].filter((key) => !known.has(key));
    if (strangers.length > 0) {
      faults.push(`${strangers.length} alerts came that the record does not know, such as ${strangers[0]}`);
    }
    faults.push(...lost.slice(0, MOST_NAMED).map((what) => `lost: ${what}`));
    return {
      findings,
      committed: known.size,
      delivered,
      duplicates: listener.duplicates,
      lost: lost.length,
      waiting: waiting.size,
      faults,
    };
  } finally {
    db.close();
  }
}
