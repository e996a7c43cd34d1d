import type { Finding, Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { DefectClass } from '../domain/verdict.ts';

/** Looks where in a frame a defect is; never rejects. */
export type Locate = (frame: Frame, defect: DefectClass) => Promise<Located>;

type Known = Pick<Located, 'box' | 'reason'>;

/** The last search for a finding. */
interface Search {
  /** Of the frame. */
  readonly sequence: number;
  readonly done: Promise<Located>;
  /** null while it is being looked for. */
  located: Located | null;
}

/** What is known of where the findings of this boot are, each in its peak frame. */
export class Whereabouts {
  private readonly searches = new Map<string, Search>();
  /** Peaks that rose while an earlier one was being looked for; only the newest of each finding matters. */
  private readonly next = new Map<string, { readonly finding: Finding; readonly frame: Frame }>();
  private readonly locate: Locate;
  private readonly giveUp: AbortSignal;

  /** @param giveUp answers what is still being looked for with `no-time` */
  constructor(locate: Locate, giveUp: AbortSignal) {
    this.locate = locate;
    this.giveUp = giveUp;
  }

  /** The peak of an open finding is this frame now: looks ahead, so that its box is known when the finding closes. */
  peakRose(finding: Finding, frame: Frame): void {
    if (this.isLooking(finding.id)) this.next.set(finding.id, { finding, frame });
    else this.begin(finding, frame);
  }

  /** Where the defect is in the finding's peak frame, which this is. */
  find(finding: Finding, frame: Frame): Promise<Located> {
    const search = this.searches.get(finding.id);
    if (search?.sequence === finding.peak.frame.sequence) return search.done;
    return this.begin(finding, frame);
  }

  /** Where the finding's peak is, as far as it is known now. */
  of({ id, peak }: Finding): Known {
    const search = this.searches.get(id);
    const located = search?.sequence === peak.frame.sequence ? search.located : null;
    if (located?.box) return { box: located.box, reason: null };
    if (peak.box) return { box: peak.box, reason: null };
    if (located) return { box: null, reason: located.reason };
    return { box: null, reason: 'pending' };
  }

  /** The finding with the box of its peak, where one is known. */
  placed(finding: Finding): Finding {
    const { box } = this.of(finding);
    return box ? { ...finding, peak: { ...finding.peak, box } } : finding;
  }

  /** Whether the finding is being looked for now. */
  isLooking(id: string): boolean {
    return this.searches.get(id)?.located === null;
  }

  /** Ends with the search under way for the finding; null when there is none. */
  searchOf(id: string): Promise<Located> | null {
    const search = this.searches.get(id);
    return search?.located === null ? search.done : null;
  }

  /** Findings that something is known of. */
  get size(): number {
    return this.searches.size;
  }

  forget(id: string): void {
    this.searches.delete(id);
    this.next.delete(id);
  }

  private begin(finding: Finding, frame: Frame): Promise<Located> {
    const { id, defect, peak } = finding;
    const done = this.orGivenUp(this.locate(frame, defect));
    const search: Search = { sequence: peak.frame.sequence, done, located: null };
    this.searches.set(id, search);
    this.next.delete(id);
    void done.then((located) => {
      search.located = located;
      const next = this.next.get(id);
      if (next && this.searches.get(id) === search) this.begin(next.finding, next.frame);
    });
    return done;
  }

  private orGivenUp(search: Promise<Located>): Promise<Located> {
    return new Promise((resolve) => {
      const stop = (): void => resolve({ box: null, map: null, reason: 'no-time' });
      if (this.giveUp.aborted) stop();
      this.giveUp.addEventListener('abort', stop, { once: true });
      void search.then((located) => {
        this.giveUp.removeEventListener('abort', stop);
        resolve(located);
      });
    });
  }
}
