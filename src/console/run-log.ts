import type { RunLogMessage } from '../surface/messages/run-log.ts';
import type { CoverageStretch, History } from './history.ts';
import { stretchBetween } from './stretch.ts';

/**
 * The story of each vehicle's runs: it comes through the vehicle's outbox, in order, also what was while nobody was heard.
 * The last word of each vehicle is in the history alone: what is rolled back there has not been heard.
 */
export class RunLog {
  private readonly history: History;

  constructor(history: History) {
    this.history = history;
  }

  /** Whether a vehicle tells its runs so; one of an older version does not. */
  knows(vehicle: string): boolean {
    return this.history.lastRunLog(vehicle) !== null;
  }

  /** Takes a message in; gives the stretch since the one before, null where there is none. A message again is nothing new. */
  take(message: RunLogMessage): CoverageStretch | null {
    const kept = this.history.lastRunLog(message.vehicle);
    const before = kept === null ? null : (JSON.parse(kept) as RunLogMessage);
    if (before?.boot === message.boot && before.sequence >= message.sequence) return null;
    this.history.putLastRunLog(message.vehicle, JSON.stringify(message));
    return stretchBetween(before, message);
  }
}
