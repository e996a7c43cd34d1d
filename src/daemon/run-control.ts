import type { Logger } from '../platform/log.ts';
import type { Inspection } from './inspection.ts';
import type { InspectionRun } from './inspection-run.ts';

/** What begins the next run: the camera's streaming, or a request. */
export type RunStarter = 'camera' | 'request';

/**
 * Who begins and ends runs. Once a person has ended one, the camera begins no other in this boot: a cable that is
 * replugged must not undo what was asked for. A new boot begins as configured, so that no dive goes unwatched.
 */
export class RunControl {
  private readonly inspection: Inspection;
  private readonly log: Logger;
  private starter: RunStarter;

  constructor(inspection: Inspection, startsBy: RunStarter, log: Logger) {
    this.inspection = inspection;
    this.starter = startsBy;
    this.log = log;
  }

  get startsBy(): RunStarter {
    return this.starter;
  }

  get current(): InspectionRun | null {
    return this.inspection.current;
  }

  /** The camera has begun to stream, perhaps anew. */
  cameraStreams(): void {
    if (this.starter === 'camera') this.inspection.begin();
    else if (this.current === null) this.log.info('no run is under way: one begins on request');
  }

  /** @returns the run under way, and whether it began just now */
  start(): { readonly began: boolean; readonly run: InspectionRun } {
    const before = this.current;
    const run = before ?? this.inspection.begin();
    return { began: before === null, run };
  }

  /** @returns the run that ended; null when none was under way */
  stop(): InspectionRun | null {
    this.starter = 'request';
    const run = this.current;
    this.inspection.end('requested');
    return run;
  }
}
