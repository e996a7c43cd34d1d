import { randomUUID } from 'node:crypto';
import mqtt, { type MqttClient } from 'mqtt';
import type { MarkedAlert } from '../../src/console/history.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { DefectClass } from '../../src/domain/verdict.ts';
import { alertMessage } from '../../src/surface/messages/alert.ts';
import { messageExamples } from '../../src/surface/messages/examples.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { crackPicture } from '../fixtures/pictures.ts';
import { findingOf, model } from '../surface/samples.ts';

type Fields = Readonly<Record<string, unknown>>;

const PICTURE = crackPicture();

/** A request that was answered. */
export interface Asked {
  readonly name: string;
  readonly fields: Fields;
}

/**
 * A vehicle as a console sees it: it speaks the documented messages over a real broker, remembers its findings as the
 * black box does, and answers what consoles ask. It stands in for a daemon where a test needs a thousand findings.
 */
export class TestVehicle {
  readonly name: string;
  readonly asked: Asked[] = [];
  /** Newest alert by finding, in the order of their last change. */
  readonly findings = new Map<string, MarkedAlert>();
  /** Every alert ever made. */
  readonly told: MarkedAlert[] = [];
  /** Requests that it does not know are answered as an older version would. */
  knows: (name: string) => boolean = () => true;
  /** Requests that it refuses just now. */
  refuses: (name: string) => boolean = () => false;
  /** What its state says of its clock, and how far that is ahead, ms. */
  clock: { readonly quality: 'synchronised' | 'unsynchronised'; readonly aheadMs: number } = {
    quality: 'synchronised',
    aheadMs: 0,
  };
  boot = 'boot-1';
  private sequence = 0;
  private running = true;
  private coverage = { seenSeconds: 0, lostSeconds: 0, blindSeconds: {} as Record<string, number> };
  private readonly startedAt = Date.now();
  private session: string = randomUUID();
  private client: MqttClient | null = null;

  constructor(name: string) {
    this.name = name;
  }

  /** Connects, and tells the state and everything retained. */
  async connect(url: string, protocol: 4 | 5 = 5): Promise<void> {
    this.session = randomUUID();
    const will = { ...this.stateNow('offline'), at: null };
    const client = mqtt.connect(url, {
      protocolVersion: protocol,
      clientId: `vehicle-${this.name}`,
      clean: true,
      reconnectPeriod: 0,
      will: { topic: this.topic('state'), payload: Buffer.from(JSON.stringify(will)), qos: 1, retain: true },
    });
    client.on('error', () => undefined /* tests kill brokers */);
    await new Promise<void>((resolve, reject) => {
      client.once('connect', () => resolve());
      client.once('close', () => reject(new Error('no broker')));
    });
    client.on('message', (topic, payload) => {
      // A broker that goes away meanwhile takes the answer with it, as in life.
      this.answer(topic, payload).catch(() => undefined);
    });
    await client.subscribeAsync(this.topic('request/#'), { qos: 1 });
    this.client = client;
    await this.tell('state', this.stateNow('online'), true);
    const examples = messageExamples();
    for (const part of ['camera', 'engine', 'light', 'record', 'link'] as const)
      await this.part(part, 'ok', null);
    await this.part('position', 'absent', 'no source of position is configured');
    await this.tell('model', { ...examples.model, ...this.stamp(), model }, true);
    await this.light('heartbeat');
    await this.tellRun();
    await this.health();
  }

  /** Ends the connection; abruptly, so that the broker tells the will, or in order. */
  async leave(how: 'lost' | 'stopped' = 'lost'): Promise<void> {
    if (how === 'stopped') await this.tell('state', this.stateNow('stopped'), true);
    const { client } = this;
    this.client = null;
    if (how === 'lost') client?.stream.destroy();
    client?.end(how === 'lost');
  }

  /** A new start of its daemon: sequences begin anew. */
  reboot(boot: string): void {
    this.boot = boot;
    this.sequence = 0;
  }

  part(part: string, condition: string, reason: string | null): Promise<void> {
    const message = { ...messageExamples().status, ...this.stamp(), part, condition, reason };
    return this.tell(`status/${part}`, message, true);
  }

  light(shows: string, findings: readonly string[] = []): Promise<void> {
    const lit = ['crack', 'latched'].includes(shows);
    const message = {
      ...messageExamples().light,
      ...this.stamp(),
      shows,
      lit,
      findings,
      since: new Date().toISOString(),
    };
    return this.tell('light', message, true);
  }

  /** Some seconds pass: what the camera could do in them. */
  async pass(seconds: { seen?: number; blind?: number; lost?: number }): Promise<void> {
    const { seen = 0, blind = 0, lost = 0 } = seconds;
    this.coverage.seenSeconds += seen;
    this.coverage.lostSeconds += lost;
    if (blind > 0) this.coverage.blindSeconds.turbid = (this.coverage.blindSeconds.turbid ?? 0) + blind;
    await this.tellRun();
  }

  /** Some seconds pass while the vehicle goes along the route to `kp`; told through its outbox, as a daemon does. */
  async inspect(kp: number, seconds: { seen?: number; blind?: number; lost?: number }): Promise<void> {
    const { runLog: example } = messageExamples();
    await this.pass(seconds);
    const run = { ...example.run, ...this.runFacts() };
    const position = { ...example.position, kp };
    await this.tell('run/log', { ...example, ...this.stamp(), run, position }, false);
  }

  health(): Promise<void> {
    return this.tell('health', { ...messageExamples().health, ...this.stamp() }, false, 0);
  }

  /** A finding opens or changes; committed as in a black box, and sent when there is a link. */
  async find(
    id: string,
    over: Partial<Finding> & { readonly defect?: DefectClass } = {},
    phase: 'opened' | 'updated' | 'closed' = 'opened',
  ): Promise<MarkedAlert> {
    const now = Date.now();
    const when = { monoMs: now, utcMs: now };
    const before = this.findings.get(id)?.openedAt;
    const openedAt = before === undefined ? when : { ...when, utcMs: Date.parse(before) };
    const finding = findingOf(id, {
      ...{
        openedAt,
        lastSeenAt: when,
        runId: 'run-1',
        severity: over.defect === 'corrosion' ? 'medium' : 'critical',
      },
      peak: { frame: { sequence: 1, capturedAt: when, source: 'test' }, probability: 0.9 },
      ...(phase === 'closed' ? { closedAt: when, closeReason: 'gone' as const } : {}),
      ...over,
    });
    const change = { phase, finding, at: when, peakChanged: true };
    const alert: MarkedAlert = {
      ...alertMessage({ ...this.stampOf(), change, evidence: null }),
      ...{ acknowledged: null, reviewed: null },
    };
    await this.commit(alert);
    return alert;
  }

  image(finding: string): Promise<void> {
    return this.send(`alerts/${finding}/image`, PICTURE, false, 1);
  }

  /** A live detection of a crack at this probability. */
  async detect(probability: number): Promise<void> {
    const example = messageExamples().detection;
    const defects = [{ class: 'crack', probability, threshold: 0.7 }];
    await this.tell('detections', { ...example, ...this.stamp(), run: 'run-1', defects }, false, 0);
  }

  private async commit(alert: MarkedAlert): Promise<void> {
    this.told.push(alert);
    this.findings.delete(alert.finding);
    this.findings.set(alert.finding, alert);
    if (this.client !== null) await this.tell('alerts', alert, false);
  }

  private stampOf() {
    this.sequence += 1;
    return {
      vehicle: this.name,
      boot: this.boot,
      sequence: this.sequence,
      clockQuality: 'synchronised' as const,
    };
  }

  private stamp() {
    return { ...this.stampOf(), schema: 1, at: new Date().toISOString() };
  }

  private stateNow(state: string) {
    const session = this.session;
    const boot = this.boot;
    return {
      ...messageExamples().state,
      vehicle: this.name,
      state,
      session,
      boot,
      at: new Date(Date.now() + this.clock.aheadMs).toISOString(),
      clockQuality: this.clock.quality,
    };
  }

  private tellRun(): Promise<void> {
    const { run: example } = messageExamples();
    const message = { ...example, ...this.stamp(), run: this.runFacts(), openFindings: [] };
    return this.tell('run', message, true);
  }

  private runFacts() {
    const ended = this.running ? null : new Date().toISOString();
    return {
      ...{
        id: 'run-1',
        startedAt: new Date(this.startedAt).toISOString(),
        endedAt: ended,
        end: ended && 'requested',
      },
      coverage: {
        ...messageExamples().runLog.run.coverage,
        ...this.coverage,
        blindSeconds: { ...this.coverage.blindSeconds },
      },
    };
  }

  private topic(below: string): string {
    return `${topicsOf(this.name).base}/${below}`;
  }

  private tell(below: string, message: unknown, retain: boolean, qos: 0 | 1 = 1): Promise<void> {
    return this.send(below, Buffer.from(JSON.stringify(message)), retain, qos);
  }

  private async send(below: string, payload: Uint8Array, retain: boolean, qos: 0 | 1): Promise<void> {
    await this.client?.publishAsync(this.topic(below), Buffer.from(payload), { qos, retain });
  }

  private async answer(topic: string, payload: Buffer): Promise<void> {
    const name = topic.slice(this.topic('request/').length);
    const { transaction = null, ...fields } = JSON.parse(payload.toString('utf8')) as Fields;
    this.asked.push({ name, fields });
    let answer: unknown;
    try {
      answer = { status: 'ok', data: await this.carryOut(name, fields), error: null, transaction };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const code = this.knows(name) ? 'REQUEST_REFUSED' : 'REQUEST_UNKNOWN';
      answer = { status: 'error', data: null, error: { code, message, help: 'Look at it.' }, transaction };
    }
    await this.tell(`response/${name}`, answer, false);
  }

  private async carryOut(name: string, fields: Fields): Promise<unknown> {
    if (!this.knows(name)) throw new Error(`this vehicle knows no request ${name}`);
    if (this.refuses(name)) throw new Error(`not now: ${name}`);
    switch (name) {
      case 'findings/list':
        return this.list(fields);
      case 'alerts/resend': {
        const since = String(fields.since ?? '');
        const again = this.told.filter(
          ({ finding, at: committed }) => fields.finding === finding || (since !== '' && committed >= since),
        );
        for (const alert of again) await this.tell('alerts', { ...alert, historical: true }, false);
        return { queued: again.length, waiting: 0 };
      }
      case 'finding/review':
      case 'finding/acknowledge': {
        const alert = this.findings.get(String(fields.finding));
        if (alert === undefined) throw new Error('no such finding');
        const by = { at: new Date().toISOString(), by: (fields.by as string | undefined) ?? null };
        const marks =
          name === 'finding/review'
            ? {
                review: fields.review as MarkedAlert['review'],
                reviewed: { ...by, note: (fields.note as string | undefined) ?? null },
              }
            : { acknowledged: by };
        const marked: MarkedAlert = {
          ...alert,
          ...this.stampOf(),
          at: by.at,
          historical: false,
          ...marks,
          phase: alert.phase === 'closed' ? 'closed' : 'updated',
        };
        await this.commit(marked);
        return { alert: marked, changed: true };
      }
      case 'light/test':
      case 'light/acknowledge':
        await this.light(name === 'light/test' ? 'lamp-test' : 'heartbeat');
        return { ended: true };
      case 'run/start':
      case 'run/stop':
        this.running = name === 'run/start';
        await this.tellRun();
        return { began: this.running };
      case 'classify':
        return {
          label: 'crack',
          blind: null,
          probabilities: { crack: 0.91, corrosion: 0.2 },
          thresholds: { crack: 0.7, corrosion: 0.6 },
          model,
          milliseconds: 48.2,
        };
      default:
        throw new Error(`no request ${name}`);
    }
  }

  private list(fields: Fields): { readonly findings: unknown[]; readonly next: number | null } {
    const limit = Number(fields.limit ?? 50);
    const newest = [...this.findings.values()].map((alert, index) => ({ alert, id: index + 1 })).reverse();
    const since = String(fields.since ?? '');
    const behind = newest.filter(
      ({ alert, id }) => alert.at >= since && id < Number(fields.before ?? Number.MAX_SAFE_INTEGER),
    );
    const page = behind.slice(0, limit);
    const next = behind.length > limit ? (page.at(-1)?.id ?? null) : null;
    return { findings: page.map(({ alert }) => ({ ...alert, historical: true })), next };
  }
}
