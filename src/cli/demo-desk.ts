import type { Verdict } from '../domain/verdict.ts';
import { type AlertMessage, alertSchema } from '../surface/messages/alert.ts';
import { type LightMessage, lightSchema } from '../surface/messages/light.ts';
import { statusSchema } from '../surface/messages/status.ts';
import type { Topics } from '../surface/topics.ts';
import { lightText } from './demo-view.ts';
import { counted } from './terminal.ts';

/** What the demo knows of its vehicle: heard over MQTT, as a surface would, but for the verdicts. */
export class DemoDesk {
  readonly alerts = new Map<string, AlertMessage>();
  readonly images = new Set<string>();
  light: LightMessage | null = null;
  verdict: Verdict | null = null;
  /** Frames judged. */
  judged = 0;
  /** Alerts received. */
  received = 0;
  private readonly topics: Topics;
  private readonly onNews: (line: string) => void;
  private readonly down = new Map<string, string>();
  private readonly worked = new Set<string>();
  /** What was told of a part since it last worked: trying again is no news. */
  private readonly told = new Map<string, Set<string>>();
  private unreadable = 0;

  /** @param onNews is called with one line for each thing that a person wants to know */
  constructor(topics: Topics, onNews: (line: string) => void) {
    this.topics = topics;
    this.onNews = onNews;
  }

  /** Parts that should work and do not (one that is stopped, or not there by plan, is none), and messages that could not be read. */
  get troubles(): string[] {
    const parts = [...this.down].map(([part, why]) => `${part}: ${why}`);
    if (this.unreadable === 0) return parts;
    return [
      ...parts,
      `${counted(this.unreadable, 'message')} on the broker by another client, none of SPECTA's`,
    ];
  }

  see(verdict: Verdict): void {
    this.verdict = verdict;
    this.judged += 1;
  }

  hear(topic: string, payload: Uint8Array): void {
    const known = this.topics.parse(topic);
    switch (known?.name) {
      case 'alertImage':
        if (known.of !== null) this.images.add(known.of);
        return;
      case 'alerts':
        this.read(alertSchema, payload, (alert) => this.hearAlert(alert));
        return;
      case 'light':
        this.read(lightSchema, payload, (light) => this.hearLight(light));
        return;
      case 'status':
        this.read(statusSchema, payload, ({ part, condition, reason }) =>
          this.hearStatus(part, condition, reason ?? condition),
        );
        return;
      default:
    }
  }

  /** Gives on what fits the schema; anyone on this machine may publish to the broker, so anything may come. */
  private read<T>(
    schema: { safeParse(value: unknown): { success: true; data: T } | { success: false } },
    payload: Uint8Array,
    use: (message: T) => void,
  ): void {
    const parsed = schema.safeParse(jsonOf(payload));
    if (parsed.success) use(parsed.data);
    else this.unreadable += 1;
  }

  private hearAlert(alert: AlertMessage): void {
    this.received += 1;
    this.alerts.delete(alert.finding);
    this.alerts.set(alert.finding, alert);
    const { phase, severity, probability, frames, finding, advice } = alert;
    const percent = Math.round(probability.peak * 100);
    this.onNews(
      `alert  ${phase.padEnd(7)} ${alert.class.padEnd(9)} ${severity.padEnd(8)} peak ${percent} %  ${frames} frames  ${finding}  ${advice.en}`,
    );
  }

  private hearLight(light: LightMessage): void {
    const before = this.light?.shows;
    this.light = light;
    if (before === light.shows) return;
    const steady = ['crack', 'latched', 'holding', 'corrosion'].includes(light.shows);
    this.onNews(`light  ${steady ? 'ON   ' : ''}${lightText(light)}`);
  }

  private hearStatus(part: string, condition: string, why: string): void {
    if (condition === 'ok' || condition === 'absent') {
      if (condition === 'ok' && this.worked.has(part) && this.down.has(part))
        this.onNews(`${part}  works again`);
      this.down.delete(part);
      this.told.delete(part);
      if (condition === 'ok') this.worked.add(part);
      return;
    }
    this.down.set(part, why);
    // Before a part has worked for the first time it is only starting.
    if (!this.worked.has(part) && condition !== 'failed') return;
    const told = this.told.get(part) ?? new Set();
    if (!told.has(why)) this.onNews(`${part}  ${condition}: ${why}`);
    this.told.set(part, told.add(why));
  }
}

/** The payload's JSON; undefined when it is none. */
function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(payload)) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
