import type { FindingChange } from '../domain/finding.ts';
import type { Clock } from '../platform/clock.ts';
import { asSpectaError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { BlackBox } from '../record/black-box.ts';
import {
  type AlertMessage,
  alertSchema,
  type FindingMarks,
  markedAlert,
  UNMARKED,
} from '../surface/messages/alert.ts';
import { encode, type Stamp } from '../surface/messages/envelope.ts';
import type { Topics } from '../surface/topics.ts';
import { marksOf, readTold, unknownFinding } from './told-alert.ts';

/** What came of a mark. */
export interface Marked {
  /** The finding's newest alert. */
  readonly alert: AlertMessage;
  readonly changed: boolean;
}

interface MarksDeps {
  readonly record: BlackBox;
  readonly topics: Topics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What people have said of findings: reviews, acknowledgements. Its caller keeps the order of its calls. */
export class MarksKeeper {
  private readonly deps: MarksDeps;
  /** Of findings that are still open. */
  private readonly open = new Map<string, FindingMarks>();

  constructor(deps: MarksDeps) {
    this.deps = deps;
  }

  /**
   * Brings new marks into the record and tells everybody by an alert. Rejects with `REQUEST_REFUSED` for a finding that
   * the record does not know, and as the record does.
   *
   * @param change the marks now in force; gives new ones, or null to leave them
   */
  async put(
    findingId: string,
    change: (marks: FindingMarks) => FindingMarks | null,
    stamp: Stamp,
  ): Promise<Marked> {
    const { record, topics, clock } = this.deps;
    const newest = await this.told(findingId);
    if (newest === null) throw unknownFinding(findingId);
    const marks = change(marksOf(newest));
    if (marks === null) return { alert: newest, changed: false };
    const alert = markedAlert(newest, marks, { ...stamp, at: clock.now() });
    await record.retell(
      { findingId, runId: newest.run },
      {
        lane: 'alert',
        topic: topics.alerts,
        contentType: 'application/json',
        payload: encode(alertSchema, alert),
      },
    );
    if (newest.phase !== 'closed') this.open.set(findingId, marks);
    return { alert, changed: true };
  }

  /** The marks of a finding so far; a failing disk does not hold up its alert. */
  async of({ finding }: FindingChange): Promise<FindingMarks> {
    const known = this.open.get(finding.id);
    // Of a closed finding some may be kept that are no longer, or were never, known here: it was closed before, or by
    // another boot.
    if (known || finding.closeReason === null) return known ?? UNMARKED;
    try {
      const newest = await this.told(finding.id);
      return newest ? marksOf(newest) : UNMARKED;
    } catch (error) {
      const { code, message } = asSpectaError(error);
      this.deps.log.warn({ code, finding: finding.id }, `its review could not be looked up: ${message}`);
      return UNMARKED;
    }
  }

  /** The finding is closed: what is said of it from now on is in the record alone. */
  forget(findingId: string): void {
    this.open.delete(findingId);
  }

  private async told(findingId: string): Promise<AlertMessage | null> {
    const [told] = await this.deps.record.alerts({ query: { findingId }, before: null, limit: 1 });
    return told ? readTold(told.payload) : null;
  }
}
