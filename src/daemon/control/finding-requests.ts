import type { Clock } from '../../platform/clock.ts';
import { SpectaError } from '../../platform/errors.ts';
import type { AlertQuery } from '../../record/alert-table.ts';
import type { BlackBox } from '../../record/black-box.ts';
import { isoUtc, type Stamp } from '../../surface/messages/envelope.ts';
import { USUALLY_LISTED } from '../../surface/messages/request.ts';
import type { RequestHandlers } from '../../surface/requests.ts';
import { topicsOf } from '../../surface/topics.ts';
import type { FindingReporter } from '../finding-reporter.ts';
import { readTold } from '../told-alert.ts';

/** Findings whose images one request sends again. */
const MOST_IMAGES = 200;

/** What requests about findings need of the daemon. */
export interface FindingParts {
  readonly record: BlackBox;
  readonly reporter: FindingReporter;
  readonly clock: Clock;
  /** The next message's place in the order of this boot. */
  readonly stamp: () => Stamp;
}

type FindingRequest = 'findings/list' | 'alerts/resend' | 'finding/review' | 'finding/acknowledge';

/**
 * Does what is asked about findings. @param parts throws while the daemon starts or stops
 */
export function findingRequests(parts: () => FindingParts): Pick<RequestHandlers, FindingRequest> {
  return {
    'findings/list': async ({ since, run, limit = USUALLY_LISTED, before = null }) => {
      const query = queryOf({ since, run });
      // One more than asked for tells whether there are more.
      const told = await parts().record.alerts({ query, before, limit: limit + 1 });
      const listed = told.slice(0, limit);
      return {
        findings: listed.map(({ payload }) => ({ ...readTold(payload), historical: true })),
        next: told.length > limit ? (listed.at(-1)?.id ?? null) : null,
      };
    },
    'alerts/resend': async ({ run, since, finding }) => {
      const { record } = parts();
      const query = queryOf({ since, run, finding });
      const alerts = await record.resend(query);
      return { ...alerts, ...(await resendImages(record, query)) };
    },
    'finding/review': async ({ finding, review, by = null, note = null }) => {
      const { reporter, clock, stamp } = parts();
      const at = isoUtc(clock.now().utcMs);
      const reviewed = review === 'unreviewed' ? null : { at, by, note };
      const { alert } = await reporter.mark(finding, (marks) => ({ ...marks, review, reviewed }), stamp());
      return { alert };
    },
    'finding/acknowledge': ({ finding, by = null }) => {
      const { reporter, clock, stamp } = parts();
      const acknowledged = { at: isoUtc(clock.now().utcMs), by };
      return reporter.mark(
        finding,
        (marks) => (marks.acknowledged === null ? { ...marks, acknowledged } : null),
        stamp(),
      );
    },
  };
}

/** Behind the alerts; of very many findings only those that changed last, so that no disk and no link is filled. */
async function resendImages(record: BlackBox, query: AlertQuery) {
  const told = await record.alerts({ query, before: null, limit: MOST_IMAGES + 1 });
  let images = 0;
  for (const { payload } of told.slice(0, MOST_IMAGES)) {
    const { vehicle, finding } = readTold(payload);
    if ((await record.resendImage(finding, topicsOf(vehicle).alertImage(finding))) === 'queued') images += 1;
  }
  return { images, moreImages: told.length > MOST_IMAGES };
}

function queryOf(asked: {
  readonly since?: string | undefined;
  readonly run?: string | undefined;
  readonly finding?: string | undefined;
}): AlertQuery {
  const { since, run, finding } = asked;
  return {
    ...(since === undefined ? {} : { since: utcOf(since) }),
    ...(run === undefined ? {} : { runId: run }),
    ...(finding === undefined ? {} : { findingId: finding }),
  };
}

/** The schema lets no other than a date and time through, but not every one of those is a moment (a 60th second). */
function utcOf(moment: string): number {
  const utcMs = Date.parse(moment);
  if (Number.isFinite(utcMs)) return utcMs;
  throw new SpectaError('REQUEST_INVALID', `"${moment}" is no moment.`, 'Write it as 2026-01-31T12:00:00Z.');
}
