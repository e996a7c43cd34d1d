import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type { AlertMessage } from '../surface/messages/alert.ts';
import type { History, MarkedAlert, Review } from './history.ts';
import { SEVERITIES } from './severities.ts';

/** Which findings, in which order, which of them. */
export interface FindingQuery {
  readonly vehicle?: string | undefined;
  readonly class?: string | undefined;
  readonly review?: string | undefined;
  /** At least so urgent. */
  readonly severity?: AlertMessage['severity'] | undefined;
  readonly open?: boolean | undefined;
  /** Only what nobody has acknowledged. */
  readonly unacknowledged?: boolean | undefined;
  /** `severity`: worst first, then newest. `time`: newest first. */
  readonly order: 'severity' | 'time';
  readonly offset: number;
  readonly limit: number;
}

/** One line of the list, with what is shown in it. */
export interface FindingRow {
  readonly vehicle: string;
  readonly finding: string;
  readonly class: AlertMessage['class'];
  readonly severity: AlertMessage['severity'];
  readonly open: boolean;
  readonly closeReason: string | null;
  readonly openedAt: string;
  readonly peak: number;
  readonly frames: number;
  readonly durationSeconds: number;
  readonly kp: number | null;
  readonly review: Review;
  readonly acknowledged: boolean;
  readonly historical: boolean;
  readonly clockQuality: string;
  readonly image: boolean;
}

/** Everything known of one finding. */
export interface FindingFacts {
  readonly row: FindingRow;
  /** The newest alert of it. */
  readonly alert: MarkedAlert;
  /** Its alerts in order: what it became when. */
  readonly steps: readonly {
    readonly phase: string;
    readonly at: string;
    readonly peak: number;
    readonly mean: number;
  }[];
  /** Probability of its class while it was open; empty where the link was down then. */
  readonly curve: readonly { readonly at: number; readonly probability: number }[];
}

const ORDERS = {
  severity: 'severity DESC, opened DESC, vehicle, id',
  time: 'opened DESC, vehicle, id',
} as const;

/** Before it opens a finding has been seen a few times already, ms. */
const CURVE_BEFORE_MS = 5_000;

function rowOf(alert: AlertMessage, kept: Readonly<Record<string, SQLOutputValue>>): FindingRow {
  return {
    vehicle: alert.vehicle,
    finding: alert.finding,
    class: alert.class,
    severity: SEVERITIES[Number(kept.severity)] ?? alert.severity,
    open: kept.open === 1,
    closeReason: alert.closeReason,
    openedAt: alert.openedAt,
    peak: alert.probability.peak,
    frames: alert.frames,
    durationSeconds: alert.durationSeconds,
    kp: alert.position?.kp ?? null,
    review: kept.review as Review,
    acknowledged: kept.acknowledged === 1,
    historical: alert.historical,
    clockQuality: alert.clockQuality,
    image: kept.image === 1,
  };
}

const IMAGE =
  'EXISTS (SELECT 1 FROM images WHERE images.vehicle = findings.vehicle AND images.finding = findings.id) AS image';

/** A page of the list and how long the whole list is. */
export function listFindings(
  history: History,
  query: FindingQuery,
): { readonly total: number; readonly rows: readonly FindingRow[] } {
  const where: string[] = [];
  const values: SQLInputValue[] = [];
  const only = (column: string, value: SQLInputValue | undefined): void => {
    if (value === undefined) return;
    where.push(`${column} = ?`);
    values.push(value);
  };
  only('vehicle', query.vehicle);
  only('class', query.class);
  only('review', query.review);
  only('open', query.open === undefined ? undefined : Number(query.open));
  if (query.severity !== undefined) {
    where.push('severity >= ?');
    values.push(SEVERITIES.indexOf(query.severity));
  }
  if (query.unacknowledged === true) where.push('acknowledged = 0');
  const filter = where.length === 0 ? '' : ` WHERE ${where.join(' AND ')}`;
  const total = Number(history.row(`SELECT count(*) AS total FROM findings${filter}`, ...values)?.total ?? 0);
  const rows = history.rows(
    `SELECT *, ${IMAGE} FROM findings${filter} ORDER BY ${ORDERS[query.order]} LIMIT ? OFFSET ?`,
    ...values,
    query.limit,
    query.offset,
  );
  return { total, rows: rows.map((kept) => rowOf(JSON.parse(String(kept.body)) as AlertMessage, kept)) };
}

/** Everything of one finding; null when it is not known. */
export function findingFacts(history: History, vehicle: string, id: string): FindingFacts | null {
  const kept = history.row(`SELECT *, ${IMAGE} FROM findings WHERE vehicle = ? AND id = ?`, vehicle, id);
  if (kept === undefined) return null;
  const alert = JSON.parse(String(kept.body)) as MarkedAlert;
  const steps = history.rows(
    'SELECT alerts.body AS body FROM alerts JOIN boots USING (vehicle, boot) WHERE vehicle = ? AND finding = ? ORDER BY number, sequence',
    vehicle,
    id,
  );
  const from = Date.parse(alert.openedAt) - CURVE_BEFORE_MS;
  const to = alert.closedAt === null ? Number.MAX_SAFE_INTEGER : Date.parse(alert.closedAt);
  return {
    row: rowOf(alert, kept),
    alert,
    steps: steps.map(({ body }) => {
      const step = JSON.parse(String(body)) as AlertMessage;
      return { phase: step.phase, at: step.at, peak: step.probability.peak, mean: step.probability.mean };
    }),
    curve: history.curve(vehicle, alert.run, alert.class, from, to),
  };
}

/** What of one vehicle wants a person's eye. */
export interface FindingCounts {
  readonly total: number;
  readonly open: number;
  readonly unacknowledged: number;
  readonly unacknowledgedCracks: number;
  /** Of what nobody has acknowledged; null: nothing. */
  readonly worst: AlertMessage['severity'] | null;
}

export function countFindings(history: History, vehicle: string): FindingCounts {
  const all = history.row(
    'SELECT count(*) AS total, sum(open) AS open FROM findings WHERE vehicle = ?',
    vehicle,
  );
  const waiting = history.row(
    "SELECT count(*) AS waiting, sum(class = 'crack') AS cracks, max(severity) AS worst FROM findings WHERE vehicle = ? AND acknowledged = 0",
    vehicle,
  );
  const worst = waiting?.worst;
  return {
    total: Number(all?.total ?? 0),
    open: Number(all?.open ?? 0),
    unacknowledged: Number(waiting?.waiting ?? 0),
    unacknowledgedCracks: Number(waiting?.cracks ?? 0),
    worst: typeof worst === 'number' ? (SEVERITIES[worst] ?? null) : null,
  };
}
