import type { RunAnnals, RunFault } from '../domain/run.ts';
import type { Part, PartStatus } from '../domain/status.ts';
import type { ClockQuality } from '../domain/time.ts';

/** The most faults that are kept: what comes after is counted. */
const MOST_FAULTS = 200;
const WORSE: readonly ClockQuality[] = ['synchronised', 'unsynchronised', 'unset'];

/** What did not work during a run, and how far its times can be believed. */
export class FaultLog {
  private readonly faults: RunFault[];
  private readonly troubled = new Set<Part>();
  private leftOut: number;
  private clockQuality: ClockQuality;

  constructor(before?: RunAnnals) {
    this.faults = [...(before?.faults ?? [])];
    this.leftOut = before?.faultsLeftOut ?? 0;
    this.clockQuality = before?.clockQuality ?? 'synchronised';
  }

  hear({ part, condition, reason, sinceUtcMs }: PartStatus, clockQuality: ClockQuality): void {
    if (WORSE.indexOf(clockQuality) > WORSE.indexOf(this.clockQuality)) this.clockQuality = clockQuality;
    const isTrouble = condition === 'recovering' || condition === 'failed';
    // A part that was never in trouble is no news, nor one that was not asked for.
    if (!isTrouble && !this.troubled.has(part)) return;
    if (isTrouble) this.troubled.add(part);
    else this.troubled.delete(part);
    if (this.faults.length < MOST_FAULTS) this.faults.push({ part, condition, reason, atUtcMs: sinceUtcMs });
    else this.leftOut += 1;
  }

  read(): Pick<RunAnnals, 'faults' | 'faultsLeftOut' | 'clockQuality'> {
    return { faults: [...this.faults], faultsLeftOut: this.leftOut, clockQuality: this.clockQuality };
  }
}
