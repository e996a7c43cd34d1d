import type { Finding, Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { DefectClass } from '../domain/verdict.ts';

/** Looks where in a frame a defect is; never rejects. */
export type Locate = (frame: Frame, defect: DefectClass) => Promise<Located>;

type Known = Pick<Located, 'box' | 'reason'>;

/** What is known of where the findings of this boot are, each in its peak frame. */
export class Whereabouts {
  private readonly known = new Map<string, { readonly sequence: number; readonly located: Located | null }>();
  private readonly locate: Locate;
  private readonly giveUp: AbortSignal;

  /** @param giveUp answers what is still being looked for with `no-time` */
  constructor(locate: Locate, giveUp: AbortSignal) {
    this.locate = locate;
    this.giveUp = giveUp;
  }

  /** Looks for the defect in the finding's peak frame. */
  async find(finding: Finding, frame: Frame): Promise<Located> {
    const { sequence } = finding.peak.frame;
    this.known.set(finding.id, { sequence, located: null });
    const located = await this.orGivenUp(this.locate(frame, finding.defect));
    // A later peak is being looked for by now: this is no longer where the finding is.
    if (this.known.get(finding.id)?.sequence === sequence) this.known.set(finding.id, { sequence, located });
    return located;
  }

  /** Where the finding's peak is, as far as it is known now. */
  of({ id, peak }: Finding): Known {
    const known = this.known.get(id);
    const located = known?.sequence === peak.frame.sequence ? known.located : null;
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

  /** Whether the finding's peak is being looked for now. */
  isLooking(id: string): boolean {
    return this.known.get(id)?.located === null;
  }

  forget(id: string): void {
    this.known.delete(id);
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
