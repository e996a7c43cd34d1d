import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createLink, type Link } from '../../src/surface/link.ts';
import { requestExamples } from '../../src/surface/messages/request-examples.ts';
import { createRequests, type RequestHandlers } from '../../src/surface/requests.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { freePort, mosquittoMissing, mosquittoProgram } from '../fixtures/mosquitto.ts';
import { until } from '../surface/listener.ts';
import { MemoryOutbox } from '../surface/memory-outbox.ts';
import { alertBytes } from '../surface/samples.ts';

const FOLDER = resolve(import.meta.dirname, '../../device/surface');
const missing = mosquittoMissing ?? (existsSync('/usr/bin/openssl') ? null : 'openssl is not installed');
if (missing) console.warn(`Skipped: the broker on the vessel. ${missing}`);

const topics = topicsOf('rov-1');

/** The shipped broker, with the shipped files in a folder of the test. */
class Vessel {
  readonly folder = mkdtempSync(join(tmpdir(), 'specta-vessel-'));
  port = 0;
  private child: ChildProcess | null = null;
  private log = '';

  async prepare(): Promise<void> {
    const names = ['rov-1', 'rov-2', 'console-bridge', 'observer', 'stranger'];
    execFileSync('sh', [join(FOLDER, 'certificates.sh'), this.folder, 'vessel.test', ...names]);
    this.port = await freePort();
    const given = readFileSync(join(FOLDER, 'mosquitto.conf'), 'utf8');
    const conf = given
      .replaceAll('/etc/mosquitto/specta', this.folder)
      .replace('/var/lib/mosquitto', this.folder)
      .replace('listener 8883', `listener ${this.port} 127.0.0.1`);
    // Started by root it would give up its rights to a user who cannot read the folder.
    const user = process.getuid?.() === 0 ? 'user root\n' : '';
    writeFileSync(join(this.folder, 'mosquitto.conf'), `${user}${conf}`);
    writeFileSync(join(this.folder, 'acl'), readFileSync(join(FOLDER, 'acl')), { mode: 0o600 });
  }

  async start(): Promise<void> {
    const child = spawn(mosquittoProgram ?? '', ['-c', join(this.folder, 'mosquitto.conf'), '-v'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.log = (this.log + text).slice(-50_000);
      });
    }
    for (let tries = 0; tries < 500; tries += 1) {
      if (child.exitCode !== null)
        throw new Error(`Mosquitto refuses the shipped configuration:\n${this.log}`);
      if (await this.listens()) return;
      await new Promise((done) => setTimeout(done, 20));
    }
    throw new Error(`Mosquitto does not listen:\n${this.log}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.child;
    this.child = null;
    if (!child) return;
    const ended = new Promise((done) => child.once('close', done));
    child.kill(signal);
    await ended;
  }

  /** How somebody with this certificate connects. */
  options(name: string | null): IClientOptions {
    const read = (file: string): Buffer => readFileSync(join(this.folder, file));
    return {
      protocolVersion: 5,
      reconnectPeriod: 0,
      servername: 'vessel.test',
      ca: read('ca.crt'),
      ...(name === null ? {} : { cert: read(`${name}.crt`), key: read(`${name}.key`) }),
    };
  }

  get url(): string {
    return `mqtts://127.0.0.1:${this.port}`;
  }

  private listens(): Promise<boolean> {
    return new Promise((done) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.once('error', () => done(false));
      socket.once('connect', () => {
        socket.destroy();
        done(true);
      });
    });
  }
}

describe.skipIf(missing !== null)("the vessel's broker as shipped", () => {
  const vessel = new Vessel();
  const cleanup: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    await vessel.prepare();
    await vessel.start();
  });
  afterAll(async () => {
    for (const end of cleanup.splice(0).toReversed()) await end();
    await vessel.stop();
    rmSync(vessel.folder, { recursive: true, force: true });
  });

  const client = async (name: string, over: IClientOptions = {}): Promise<MqttClient> => {
    const made = await mqtt.connectAsync(vessel.url, { ...vessel.options(name), ...over });
    made.on('error', () => undefined /* the broker is stopped on the way */);
    cleanup.push(() => made.endAsync(true));
    return made;
  };
  const linkAs = (certificate: string, outbox: MemoryOutbox, vehicle = certificate): Link => {
    const examples = requestExamples();
    const handlers = Object.fromEntries(
      Object.entries(examples).map(([name, { answer }]) => [name, () => answer.data]),
    ) as unknown as RequestHandlers;
    const log = silentLog();
    const requests = createRequests({
      handlers,
      disabled: [],
      clock: systemClock,
      clockQuality: () => 'unset',
      log,
    });
    const link = createLink(
      {
        broker: vessel.url,
        vehicle,
        boot: 'boot-1',
        version: '0.1.0',
        clockQuality: () => 'unset',
        tls: {
          caFile: join(vessel.folder, 'ca.crt'),
          certificateFile: join(vessel.folder, `${certificate}.crt`),
          keyFile: join(vessel.folder, `${certificate}.key`),
          serverName: 'vessel.test',
        },
        reconnectPause: { firstMs: 20, mostMs: 100 },
        unheardRetrySeconds: 0.1,
      },
      { clock: systemClock, log, outbox, requests },
    );
    cleanup.push(() => link.stop());
    link.start();
    return link;
  };
  const alert = (outbox: MemoryOutbox, sequence: number, of = topics): number =>
    outbox.add({ lane: 'alert', topic: of.alerts, payload: alertBytes(sequence) });

  test('keys are for their owner only, and a second call keeps what is there', () => {
    for (const name of ['ca', 'server', 'rov-1']) {
      expect(statSync(join(vessel.folder, `${name}.key`)).mode & 0o077).toBe(0);
    }
    const before = readFileSync(join(vessel.folder, 'rov-1.crt'));
    execFileSync('sh', [join(FOLDER, 'certificates.sh'), vessel.folder, 'vessel.test', 'rov-1', 'rov-3']);
    expect(readFileSync(join(vessel.folder, 'rov-1.crt'))).toEqual(before);
    expect(existsSync(join(vessel.folder, 'rov-3.crt'))).toBe(true);
    const refused = (): unknown =>
      execFileSync('sh', [join(FOLDER, 'certificates.sh'), vessel.folder, 'vessel.test', 'a/b'], {
        stdio: 'pipe',
      });
    expect(refused).toThrow(/cannot be a vehicle/);
  });

  test('an authority whose key is kept elsewhere is not replaced by another one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'specta-authority-'));
    try {
      const make = (...names: string[]): unknown =>
        execFileSync('sh', [join(FOLDER, 'certificates.sh'), folder, 'vessel.test', ...names], {
          stdio: 'pipe',
        });
      make('rov-1');
      const authority = readFileSync(join(folder, 'ca.crt'));
      renameSync(join(folder, 'ca.key'), join(folder, 'kept-safe'));
      expect(() => make('rov-2')).toThrow(/ca\.key is not in .*: bring it back/);
      expect(readFileSync(join(folder, 'ca.crt'))).toEqual(authority);
      renameSync(join(folder, 'kept-safe'), join(folder, 'ca.key'));
      // Cut off between key and certificate: done again.
      rmSync(join(folder, 'rov-1.crt'));
      make('rov-1', 'rov-2');
      for (const name of ['rov-1', 'rov-2']) expect(existsSync(join(folder, `${name}.crt`))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('nobody comes in without a certificate, or over a plain connection', async () => {
    await expect(
      mqtt.connectAsync(vessel.url, { ...vessel.options(null), connectTimeout: 3_000 }),
    ).rejects.toThrow();
    await expect(
      mqtt.connectAsync(`mqtt://127.0.0.1:${vessel.port}`, { reconnectPeriod: 0, connectTimeout: 3_000 }),
    ).rejects.toThrow();
  });

  test('a vehicle tells and is asked; a console hears and asks, an observer only hears', async () => {
    const console1 = await client('console-bridge');
    const observer = await client('observer');
    const heard: string[] = [];
    const seen: string[] = [];
    console1.on('message', (topic) => heard.push(topic));
    observer.on('message', (topic) => seen.push(topic));
    await console1.subscribeAsync('specta/#', { qos: 1 });
    await observer.subscribeAsync('specta/#', { qos: 1 });
    const outbox = new MemoryOutbox();
    const link = linkAs('rov-1', outbox);
    await until('connected', () => link.state.kind === 'connected');
    expect(link.state).toMatchObject({ protocol: 5 });
    alert(outbox, 1);
    outbox.add({ lane: 'run', topic: topics.runLog, payload: Buffer.from('{}') });
    await until('both settled', () => outbox.size === 0);
    for (const topic of [topics.alerts, topics.runLog])
      await until(`${topic} heard`, () => heard.includes(topic) && seen.includes(topic));
    const ask = (by: MqttClient): Promise<unknown> =>
      by.publishAsync(topics.request('status'), '{}', { qos: 1 });
    await ask(console1);
    await until('an answer', () => heard.includes(topics.response('status')));
    const before = link.counts.requests;
    await expect(ask(observer)).rejects.toThrow(/[Nn]ot authorized/);
    expect(link.counts.requests).toBe(before);
    expect(seen.filter((topic) => /request|response/.test(topic))).toEqual([]);
    await link.stop();
  });

  test('a vehicle cannot speak for another, nor hear what is asked of it', async () => {
    const console1 = await client('console-bridge');
    const heard: string[] = [];
    console1.on('message', (topic) => heard.push(topic));
    await console1.subscribeAsync('specta/rov-2/#', { qos: 1 });
    const outbox = new MemoryOutbox();
    const link = linkAs('rov-1', outbox, 'rov-2');
    alert(outbox, 1, topicsOf('rov-2'));
    await until('a refusal', () => /refuses alerts, not authorised/.test(link.status.reason ?? ''));
    expect(link.status.condition).toBe('failed');
    await console1.publishAsync('specta/rov-2/request/status', '{}', { qos: 1 });
    await new Promise((done) => setTimeout(done, 200));
    expect(link.counts.requests).toBe(0);
    expect(heard.filter((topic) => topic !== 'specta/rov-2/request/status')).toEqual([]);
    await link.stop();
  });

  test('a console that was away gets what came meanwhile, also after the broker was stopped and started', async () => {
    const session: IClientOptions = {
      clientId: 'console-bridge-1',
      clean: false,
      properties: { sessionExpiryInterval: 604_800 },
    };
    const before = await client('console-bridge', session);
    await before.subscribeAsync(topics.alerts, { qos: 1 });
    await before.endAsync();
    const outbox = new MemoryOutbox();
    const link = linkAs('rov-1', outbox);
    for (let sequence = 1; sequence <= 30; sequence += 1) alert(outbox, sequence);
    // A session that waits counts as somebody who hears.
    await until('all settled', () => outbox.size === 0);
    await link.stop();
    await vessel.stop();
    await vessel.start();
    const heard: number[] = [];
    const after = mqtt.connect(vessel.url, { ...vessel.options('console-bridge'), ...session });
    after.on('message', (_topic, payload) => {
      heard.push((JSON.parse(payload.toString('utf8')) as { sequence: number }).sequence);
    });
    cleanup.push(() => after.endAsync(true));
    await until('all thirty', () => heard.length === 30);
    expect(heard).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });
});
