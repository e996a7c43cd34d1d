import { BACKLOG_BURST } from '../../src/surface/link-options.ts';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';
import type { BlackBoxContents } from '../scenarios/black-box.ts';
import { body, keyOf } from './tally.ts';

/** What the checks found. A run is good when `lost` is 0 and `faults` is empty. */
export interface Verdict {
  /** Different alerts known to have been committed: found in the black box after a kill, or implied by its findings. */
  readonly committed: number;
  /** Different alerts that came above water. */
  readonly delivered: number;
  /** Alerts that came again, with the same id and sequence. */
  readonly duplicates: number;
  readonly lost: number;
  /** Sentences about what must not be. */
  readonly faults: readonly string[];
}

/** What tells one alert from all others, and which step of which finding it is. */
export type Told = Pick<AlertMessage, 'boot' | 'sequence' | 'finding' | 'phase'>;

const stepOf = ({ finding, phase }: Told): string => `${finding} ${phase}`;

/** The books of a fault run: what the black box held, what came above water, and whether the two agree. */
export class Ledger {
  /** Alerts seen in the outbox of a dead daemon, by (boot, sequence). */
  private readonly outbox = new Map<string, AlertMessage>();
  /** Opened and closed steps that a committed finding proves. */
  private readonly steps = new Set<string>();
  /** Alerts that the daemon's own log called committed, by (boot, sequence). */
  private readonly witnessed = new Map<string, Told>();
  /** Steps that were committed and that a disk did not hold afterwards. */
  private readonly gone = new Set<string>();
  private readonly heard: AlertMessage[] = [];
  private readonly faults = new Set<string>();
  /** Alerts in the outbox of a dead daemon at most. */
  private mostWaiting = 0;

  /** After a kill, or at the end: what the disk holds was committed. */
  inspect(contents: BlackBoxContents): void {
    if (contents.damage !== null) this.faults.add(`the black box is damaged: ${contents.damage}`);
    for (const [reason, count] of Object.entries(contents.drops)) {
      if (reason.startsWith('alert')) this.faults.add(`${count} alerts were given up: ${reason}`);
    }
    this.mostWaiting = Math.max(this.mostWaiting, contents.waiting.length);
    for (const alert of contents.waiting) this.enter(alert);
    const known = new Map(contents.findings.map((finding) => [finding.id, finding]));
    for (const told of this.witnessed.values()) {
      const finding = known.get(told.finding);
      if (finding && (told.phase !== 'closed' || finding.closedAt !== null)) continue;
      this.gone.add(stepOf(told));
      this.faults.add(`${stepOf(told)} was committed, and is not on the disk`);
    }
    for (const { id, closedAt } of contents.findings) {
      this.steps.add(`${id} opened`);
      if (closedAt !== null) this.steps.add(`${id} closed`);
    }
  }

  /** The daemon said so in its log, before it was killed. */
  witness(told: Told): void {
    this.witnessed.set(keyOf(told), told);
  }

  hear(alert: AlertMessage): void {
    this.heard.push(alert);
  }

  /** Something else that must not be. */
  complain(fault: string): void {
    this.faults.add(fault);
  }

  get heardCount(): number {
    return this.heard.length;
  }

  get witnessedCount(): number {
    return this.witnessed.size;
  }

  /** @param end what the black box holds after everything was drained */
  settle(end: BlackBoxContents): Verdict {
    this.inspect(end);
    if (end.waiting.length > 0) this.faults.add(`${end.waiting.length} alerts still wait at the end`);
    const first = new Map<string, AlertMessage>();
    for (const alert of this.heard) {
      const before = first.get(keyOf(alert));
      if (!before) first.set(keyOf(alert), alert);
      else if (body(before) !== body(alert)) this.faults.add(`${keyOf(alert)} came with two contents`);
    }
    const delivered = [...first.values()];
    this.checkOrder(delivered);
    this.checkSteps(delivered, end);
    const heardSteps = new Set(delivered.map(stepOf));
    const mustHave: (readonly [string, Told])[] = [...this.outbox, ...this.witnessed];
    const lostAlerts = mustHave.filter(([key]) => !first.has(key)).map(([, alert]) => stepOf(alert));
    const lostSteps = [...this.steps].filter((step) => !heardSteps.has(step));
    const lost = new Set([...lostAlerts, ...lostSteps, ...this.gone]);
    for (const step of lost) this.faults.add(`lost: ${step}`);
    const known = new Set([
      ...delivered.map(stepOf),
      ...this.steps,
      ...mustHave.map(([, alert]) => stepOf(alert)),
    ]);
    const told: readonly Told[] = [...delivered, ...mustHave.map(([, alert]) => alert)];
    const updates = new Set(told.filter(isUpdate).map(keyOf));
    const distinct = [...known].filter((step) => !step.endsWith(' updated')).length + updates.size;
    return {
      committed: distinct,
      delivered: delivered.length,
      duplicates: this.heard.length - delivered.length,
      lost: lost.size,
      faults: [...this.faults],
    };
  }

  private enter(alert: AlertMessage): void {
    const before = this.outbox.get(keyOf(alert));
    if (before && body(before) !== body(alert)) this.faults.add(`${keyOf(alert)} was kept with two contents`);
    this.outbox.set(keyOf(alert), alert);
  }

  /**
   * The first time each came: rising within a boot, and boots one after the other, unless so many have waited that those of
   * the present pass them.
   */
  private checkOrder(delivered: readonly AlertMessage[]): void {
    const newest = new Map<string, number>();
    let current = '';
    for (const alert of delivered) {
      const before = newest.get(alert.boot);
      if (before !== undefined && alert.sequence < before) {
        this.faults.add(`${keyOf(alert)} came first after sequence ${before}`);
      }
      const mayPass = this.mostWaiting > BACKLOG_BURST;
      if (before !== undefined && alert.boot !== current && !mayPass) {
        this.faults.add(`boot ${alert.boot} goes on after boot ${current} had begun`);
      }
      newest.set(alert.boot, alert.sequence);
      current = alert.boot;
    }
  }

  /** One finding keeps its class and run, and opens and closes once. */
  private checkSteps(delivered: readonly AlertMessage[], end: BlackBoxContents): void {
    const known = new Map(end.findings.map((finding) => [finding.id, finding]));
    const once = new Set<string>();
    for (const alert of delivered) {
      const finding = known.get(alert.finding);
      // Told before it was safe would be told twice under two ids after the next crash.
      if (!finding) this.faults.add(`${alert.finding} was told, but the black box does not know it`);
      else if (finding.defect !== alert.class || finding.runId !== alert.run) {
        this.faults.add(`${alert.finding} changed its class or run`);
      }
      if (isUpdate(alert)) continue;
      if (once.has(stepOf(alert))) this.faults.add(`${stepOf(alert)} under two sequences`);
      once.add(stepOf(alert));
    }
  }
}

function isUpdate({ phase }: Told): boolean {
  return phase === 'updated';
}
