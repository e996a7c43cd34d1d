import { z } from 'zod';
import type { Clock } from '../platform/clock.ts';
import { asSpectaError } from '../platform/errors.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { Logger } from '../platform/log.ts';
import type { StateMessage } from '../surface/messages/state.ts';
import type { Asking } from './asking.ts';
import { readAlert } from './heard.ts';
import type { History, MarkedAlert } from './history.ts';

/** How far the comparison with a vehicle's own record is. */
export type CatchUpState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'asking' }
  | { readonly kind: 'done'; readonly atUtcMs: number; readonly missing: number }
  /** `final`: this vehicle does not answer such questions at all. */
  | { readonly kind: 'failed'; readonly reason: string; readonly final: boolean };

interface CatchUpParts {
  readonly history: History;
  readonly asking: Asking;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes an alert in as if it had come by its topic; false when it was known. */
  readonly take: (alert: MarkedAlert) => boolean;
  readonly onState: (vehicle: string) => void;
}

/** What a vehicle sends by itself after a connect has time to come first. */
const SETTLE_MS = 2_000;
const PAGE = 200;
const MOST_PAGES = 1_000;
/** Findings whose every step is asked for one by one; of more, everything since the oldest. */
const MOST_SINGLE = 10;
/** A finding is told somewhat later or earlier than the time that stands in it. */
const BEFORE_MS = 60_000;
/** An alert may be committed somewhat after the state that was told before it. */
const MARGIN_MS = 600_000;

/** Stands for a time of comparison that nobody can believe. */
const BEFORE_ALL = new Date(0).toISOString();

const pageSchema = z.looseObject({ findings: z.array(z.unknown()), next: z.int().nullable() });

/**
 * After each connect of ours or of a vehicle: compares what the vehicle has recorded with what was heard, by boot and
 * sequence, and asks for what is missing. What the broker lost is so found again, however it was lost.
 */
export class CatchUp {
  private readonly parts: CatchUpParts;
  private readonly states = new Map<string, CatchUpState>();
  private readonly running = new Map<string, AbortController>();
  /**
   * By vehicle the findings that had not arrived, with when each opened, UTC ms: their steps are still to be asked for. A
   * comparison that is cut off leaves them to the next one, which finds only the newest word on each, and knows it.
   */
  private readonly owed = new Map<string, Map<string, number>>();

  constructor(parts: CatchUpParts) {
    this.parts = parts;
  }

  stateOf(vehicle: string): CatchUpState {
    return this.states.get(vehicle) ?? { kind: 'waiting' };
  }

  /** The vehicle is there again, or we are: begins anew. */
  begin(online: StateMessage): void {
    const { vehicle } = online;
    this.running.get(vehicle)?.abort();
    const abort = new AbortController();
    this.running.set(vehicle, abort);
    this.enter(vehicle, { kind: 'waiting' });
    void this.run(online, abort.signal);
  }

  /** The vehicle is not there any more: nobody would answer. */
  end(vehicle: string): void {
    const abort = this.running.get(vehicle);
    if (abort === undefined) return;
    abort.abort();
    this.running.delete(vehicle);
    this.enter(vehicle, { kind: 'waiting' });
  }

  /** Nothing can be asked any more. */
  stop(): void {
    for (const abort of this.running.values()) abort.abort();
    this.running.clear();
  }

  private async run(online: StateMessage, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.parts;
    const { vehicle } = online;
    const pause = new GrowingPause(2_000, 60_000);
    let wait = SETTLE_MS;
    for (;;) {
      try {
        await clock.sleep(wait, signal);
      } catch {
        // Aborted: another comparison has begun, or the console stops.
        return;
      }
      try {
        this.enter(vehicle, { kind: 'asking' });
        const missing = await this.compare(online, signal);
        if (signal.aborted) return;
        this.enter(vehicle, { kind: 'done', atUtcMs: clock.now().utcMs, missing });
        return;
      } catch (error) {
        if (signal.aborted) return;
        const { code, message } = asSpectaError(error);
        const final = code === 'REQUEST_UNKNOWN' || code === 'REQUEST_DISABLED';
        log.warn({ vehicle, code }, `its record could not be compared with ours: ${message}`);
        this.enter(vehicle, { kind: 'failed', reason: message, final });
        if (final) return;
        wait = pause.take();
      }
    }
  }

  /** Gives how many findings were missing. */
  private async compare(online: StateMessage, signal: AbortSignal): Promise<number> {
    const { history, asking, log } = this.parts;
    const { vehicle, at, clockQuality } = online;
    const until = history.comparedUntil(vehicle);
    // A clock that may jump is no order: then everything is looked at.
    const since =
      until === null || clockQuality !== 'synchronised'
        ? {}
        : { since: new Date(Date.parse(until) - MARGIN_MS).toISOString() };
    const owed = this.owed.get(vehicle) ?? new Map<string, number>();
    this.owed.set(vehicle, owed);
    let missing = owed.size;
    let before: number | null = null;
    for (let page = 0; page < MOST_PAGES && !signal.aborted; page += 1) {
      const fields = { ...since, limit: PAGE, ...(before === null ? {} : { before }) };
      const answer = pageSchema.parse(await asking.ask(vehicle, 'findings/list', fields));
      if (signal.aborted) return missing;
      for (const value of answer.findings) {
        const alert = readAlert(value);
        if (alert === undefined || alert.vehicle !== vehicle)
          log.warn({ vehicle }, 'a finding of its record is unreadable');
        else if (this.parts.take(alert)) {
          missing += 1;
          // For a console that has just begun the newest word on each finding will do: every step of all of them would
          // come to all consoles.
          if (until !== null) owed.set(alert.finding, Date.parse(alert.openedAt));
        }
      }
      if (answer.next === null) break;
      before = answer.next;
    }
    if (owed.size > 0) await this.askAgain(vehicle, owed);
    // What an unbelievable clock says must not hide what is told by a better one: then everything is looked at again.
    if (at !== null && !signal.aborted)
      history.putComparedUntil(vehicle, clockQuality === 'synchronised' ? at : BEFORE_ALL);
    return missing;
  }

  /** The newest word on each finding is there now; every step before it comes by the topics, for all who listen. */
  private async askAgain(vehicle: string, owed: Map<string, number>): Promise<void> {
    const { asking, log } = this.parts;
    log.info({ vehicle, missing: owed.size }, 'findings had not arrived; asked for again');
    const asked = new Map(owed);
    if (asked.size > MOST_SINGLE) {
      const oldest = [...asked.values()].reduce((least, opened) => Math.min(least, opened));
      const since = new Date(oldest - BEFORE_MS).toISOString();
      await asking.ask(vehicle, 'alerts/resend', { since });
      for (const finding of asked.keys()) owed.delete(finding);
      return;
    }
    for (const finding of asked.keys()) {
      await asking.ask(vehicle, 'alerts/resend', { finding });
      owed.delete(finding);
    }
  }

  private enter(vehicle: string, state: CatchUpState): void {
    this.states.set(vehicle, state);
    this.parts.onState(vehicle);
  }
}
