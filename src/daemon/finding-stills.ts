import type { Finding, FindingChange } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import { asSpectaError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { BlackBox } from '../record/black-box.ts';
import type { EvidenceRef, StoredEvidence } from '../record/evidence.ts';

/** Why a finding has no still, or not that of its peak. */
export type StillDrop = 'still-failed' | 'peak-pixels-gone';

interface StillsDeps {
  readonly record: Pick<BlackBox, 'saveStill' | 'evidenceOf'>;
  readonly log: Logger;
  readonly onDrop: (reason: StillDrop) => void;
}

/** The still of each open finding's peak frame, saved before the finding is committed. Its caller keeps the order. */
export class FindingStills {
  private readonly deps: StillsDeps;
  private readonly saved = new Map<string, { readonly sequence: number; readonly still: EvidenceRef }>();

  constructor(deps: StillsDeps) {
    this.deps = deps;
  }

  /** Saves the peak frame's still where it is another than the one kept; gives it when a new one was saved. */
  async save({ finding }: FindingChange, frame: Frame | null): Promise<EvidenceRef | null> {
    if (this.isOfPeak(finding)) return null;
    if (frame === null) {
      // After a restart the pixels of the boot that died are gone for good, which is no fault of this one.
      if (finding.closeReason !== 'interrupted') this.deps.onDrop('peak-pixels-gone');
      return null;
    }
    try {
      const still = await this.deps.record.saveStill({
        findingId: finding.id,
        runId: finding.runId,
        frame,
        peakProbability: finding.peak.probability,
      });
      this.saved.set(finding.id, { sequence: frame.sequence, still });
      return still;
    } catch (error) {
      const { code, message } = asSpectaError(error);
      this.deps.onDrop('still-failed');
      this.deps.log.warn({ code, finding: finding.id }, `no still for this finding: ${message}`);
      return null;
    }
  }

  /** The newest still of a finding; of one that the boot before left open, what that boot had kept of its peak. */
  async of(change: FindingChange): Promise<EvidenceRef | null> {
    return this.saved.get(change.finding.id)?.still ?? (await this.kept(change));
  }

  /** Whether the still that is kept is that of the finding's peak as it is now. */
  isOfPeak({ id, peak }: Finding): boolean {
    return this.saved.get(id)?.sequence === peak.frame.sequence;
  }

  /** The finding is closed. */
  forget(id: string): void {
    this.saved.delete(id);
  }

  private async kept({ finding }: FindingChange): Promise<EvidenceRef | null> {
    if (finding.closeReason !== 'interrupted') return null;
    try {
      const stored = await this.deps.record.evidenceOf(finding.id);
      const { sequence } = finding.peak.frame;
      const isProof = ({ kind, dropped, sequence: of }: StoredEvidence): boolean =>
        kind === 'clean' && dropped === null && of === sequence;
      return stored.find(isProof) ?? null;
    } catch (error) {
      const { code, message } = asSpectaError(error);
      this.deps.log.warn({ code, finding: finding.id }, `its evidence could not be looked up: ${message}`);
      return null;
    }
  }
}
