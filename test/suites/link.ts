import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createLink, type Link } from '../../src/surface/link.ts';
import type { LinkOptions } from '../../src/surface/link-options.ts';
import { encode } from '../../src/surface/messages/envelope.ts';
import { messageExamples } from '../../src/surface/messages/examples.ts';
import { lightSchema } from '../../src/surface/messages/light.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { Gate } from '../fixtures/gate.ts';
import type { BrokerKind, RunningBroker } from '../surface/brokers.ts';
import { type Listener, listen, until } from '../surface/listener.ts';
import { MemoryOutbox } from '../surface/memory-outbox.ts';
import { alertBytes } from '../surface/samples.ts';

const topics = topicsOf('rov-1');
const JPEG = new Uint8Array([0xff, 0xd8, 1, 2, 3, 0xff, 0xd9]);
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** How every link behaves, whatever broker it is connected to. */
export function linkSuite(kind: BrokerKind): void {
  describe.skipIf(kind.missing !== null)(`link over ${kind.name}`, () => {
    const cleanup: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const end of cleanup.splice(0).toReversed()) await end();
    });

    const startBroker = async (port?: number): Promise<RunningBroker> => {
      const broker = await kind.start(port);
      cleanup.push(() => broker.stop());
      return broker;
    };
    const startGate = async (target: number, mode: 'open' | 'closed' | 'silent' = 'open'): Promise<Gate> => {
      const gate = await Gate.to(target, mode);
      cleanup.push(() => gate.set('closed'));
      return gate;
    };
    const subscribe = async (broker: RunningBroker, filters?: readonly string[]): Promise<Listener> => {
      const listener = await listen(broker.url, kind.spoken, filters);
      cleanup.push(() => listener.leave());
      return listener;
    };
    const linkTo = (url: string, outbox: MemoryOutbox, over: Partial<LinkOptions> = {}): Link => {
      const link = createLink(
        {
          broker: url,
          protocol: kind.protocol,
          vehicle: 'rov-1',
          boot: 'boot-1',
          version: '0.1.0',
          clockQuality: () => 'synchronised',
          reconnectPause: { firstMs: 20, mostMs: 100 },
          refusedPause: { firstMs: 20, mostMs: 100 },
          unheardRetrySeconds: 0.1,
          willDelaySeconds: 0,
          ...over,
        },
        { clock: systemClock, log: silentLog(), outbox },
      );
      cleanup.push(() => link.stop());
      link.start();
      return link;
    };
    const addAlert = (outbox: MemoryOutbox, sequence: number): number =>
      outbox.add({ lane: 'alert', topic: topics.alerts, payload: alertBytes(sequence) });
    const sequences = (listener: Listener): number[] => listener.alerts().map(({ sequence }) => sequence);

    test('the broker is absent at start; when it comes, every alert arrives once and in order', async () => {
      const broker = await startBroker();
      const gate = await startGate(broker.port, 'closed');
      const listener = await subscribe(broker);
      const outbox = new MemoryOutbox();
      for (const sequence of numbers(1, 30)) addAlert(outbox, sequence);
      const link = linkTo(gate.url, outbox);
      await until('waiting for the broker', () => link.state.kind === 'waiting');
      expect(link.status).toMatchObject({ part: 'link', condition: 'recovering' });
      expect(link.status.reason).toContain(gate.url);
      await gate.set('open');
      await until('an empty outbox', () => outbox.size === 0);
      for (const sequence of numbers(31, 40)) addAlert(outbox, sequence);
      await until('all alerts', () => listener.alerts().length >= 40 && outbox.size === 0);
      expect(sequences(listener)).toEqual(numbers(1, 40));
      expect(link.state).toMatchObject({ kind: 'connected', protocol: kind.spoken });
      expect(link.status).toMatchObject({ condition: 'ok', reason: null });
      expect(link.counts).toMatchObject({ sent: { alert: 40 }, acknowledged: { alert: 40 } });
    });

    test('the broker is killed in the middle of a backlog: nothing is lost, what comes twice is the same', async () => {
      const first = await startBroker();
      const gate = await startGate(first.port);
      const listener = await subscribe(first);
      const outbox = new MemoryOutbox();
      const total = 400;
      for (const sequence of numbers(1, total)) addAlert(outbox, sequence);
      const link = linkTo(gate.url, outbox);
      await until('part of the backlog', () => outbox.settled.length > 50);
      await first.kill();
      await gate.set('closed');
      expect(outbox.size).toBeGreaterThan(0);
      const second = await startBroker();
      const later = await subscribe(second);
      await until('the loss of the connection', () => link.state.kind !== 'connected');
      // What a broker acknowledged and did not hand on dies with it: the surface asks for that, the link cannot know.
      const acknowledgedByFirst = new Set(outbox.settled);
      expect(acknowledgedByFirst.size).toBeLessThan(total);
      gate.retarget(second.port);
      await gate.set('open');
      await until('an empty outbox', () => outbox.size === 0);
      await until('the rest', () => {
        const received = new Set([...acknowledgedByFirst, ...sequences(later)]);
        return received.size === total;
      });
      const heard = [...listener.alerts(), ...later.alerts()];
      const bySequence = new Map<number, string>();
      const firsts: number[] = [];
      for (const alert of heard) {
        const { historical: _, ...rest } = alert;
        const before = bySequence.get(alert.sequence);
        if (before === undefined) firsts.push(alert.sequence);
        else expect(JSON.stringify(rest)).toBe(before);
        bySequence.set(alert.sequence, JSON.stringify(rest));
      }
      expect(firsts).toEqual(firsts.toSorted((a, b) => a - b));
      expect(link.counts.lostConnections).toBeGreaterThan(0);
      expect(new Set(outbox.settled).size).toBe(total);
    });

    test('a broker that lost everything gets every retained topic again', async () => {
      const first = await startBroker();
      const gate = await startGate(first.port);
      const outbox = new MemoryOutbox();
      const link = linkTo(gate.url, outbox);
      link.publishRetained(
        topics.light,
        encode(lightSchema, { ...messageExamples().light, vehicle: 'rov-1' }),
      );
      await until('connected', () => link.state.kind === 'connected');
      const before = await subscribe(first);
      await until('the light', () => before.heard.some(({ topic }) => topic === topics.light));
      await before.leave();
      await first.kill();
      const second = await startBroker();
      gate.retarget(second.port);
      gate.cut();
      await until('connected again', () => link.counts.connections === 2);
      const after = await subscribe(second);
      await until('the retained topics', () => after.heard.length >= 2);
      expect(after.heard.map(({ topic }) => topic).toSorted()).toEqual([topics.light, topics.state]);
      expect(after.states().at(-1)?.state).toBe('online');
      const late = await subscribe(second);
      await until('them once more', () => late.heard.length >= 2);
      expect(late.heard.every(({ retained }) => retained)).toBe(true);
    });

    test('a retained topic that changes quickly ends with its last value', async () => {
      const broker = await startBroker();
      const listener = await subscribe(broker);
      const link = linkTo(broker.url, new MemoryOutbox());
      await until('connected', () => link.state.kind === 'connected');
      const light = (sequence: number): Uint8Array =>
        encode(lightSchema, { ...messageExamples().light, vehicle: 'rov-1', sequence });
      for (const sequence of numbers(1, 500)) link.publishRetained(topics.light, light(sequence));
      const last = (): unknown =>
        JSON.parse(
          listener.heard.findLast(({ topic }) => topic === topics.light)?.payload.toString('utf8') ?? '{}',
        ).sequence;
      await until('the last value', () => last() === 500);
      // Values in between are replaced, not queued.
      expect(listener.heard.length).toBeLessThan(500);
    });

    test('a process that dies leaves its last will, of the session that was online', async () => {
      const broker = await startBroker();
      const listener = await subscribe(broker);
      const file = resolve(import.meta.dirname, '../surface/link-child.ts');
      const child = spawn(process.execPath, [file, broker.url, String(kind.protocol)], { stdio: 'ignore' });
      const ended = new Promise((done) => child.once('close', done));
      cleanup.push(async () => {
        child.kill('SIGKILL');
        await ended;
      });
      await until('online', () => listener.states().at(-1)?.state === 'online');
      child.kill('SIGKILL');
      await until('offline', () => listener.states().at(-1)?.state === 'offline');
      const [online, offline] = listener.states().slice(-2);
      expect(offline).toMatchObject({ session: online?.session, boot: 'child', at: null });
    });

    test('stop says stopped, waits for what is in flight, and leaves no will behind', async () => {
      const broker = await startBroker();
      const listener = await subscribe(broker);
      const outbox = new MemoryOutbox();
      const link = linkTo(broker.url, outbox);
      await until('online', () => listener.states().at(-1)?.state === 'online');
      for (const sequence of numbers(1, 5)) addAlert(outbox, sequence);
      await until('sending', () => link.counts.sent.alert > 0);
      await Promise.all([link.stop(), link.stop()]);
      await link.stop();
      expect(link.state).toEqual({ kind: 'stopped' });
      // What was sent was also acknowledged and settled; the rest waits for the next start.
      expect(link.counts.sent.alert).toBe(outbox.settled.length);
      await until('stopped', () => listener.states().at(-1)?.state === 'stopped');
      await new Promise((done) => setTimeout(done, 150));
      expect(listener.states().map(({ state }) => state)).toEqual(['online', 'stopped']);
      link.start();
      expect(link.state).toEqual({ kind: 'stopped' });
      expect(link.publishLive(topics.detections, JPEG, { expirySeconds: 1 })).toBe(false);
    });

    test('a broker that takes the connection and never answers is given up and tried again', async () => {
      const broker = await startBroker();
      const listener = await subscribe(broker);
      const gate = await startGate(broker.port, 'silent');
      const outbox = new MemoryOutbox();
      addAlert(outbox, 1);
      const link = linkTo(gate.url, outbox, { connectTimeoutMs: 100, ackTimeoutMs: 300 });
      await until('two vain attempts', () => link.counts.failedAttempts >= 2);
      expect(link.status.reason).toMatch(/did not answer/);
      await gate.set('open');
      await until('the alert', () => outbox.size === 0);
      await gate.set('silent');
      addAlert(outbox, 2);
      await until('the silent connection given up', () => link.counts.lostConnections === 1);
      expect(outbox.settled).toHaveLength(1);
      await gate.set('open');
      await until('the second alert', () => outbox.size === 0);
      await until('it heard', () => sequences(listener).includes(2));
      expect([...new Set(sequences(listener))]).toEqual([1, 2]);
    });

    test('stop ends an attempt that hangs, and a wait between attempts', async () => {
      const broker = await startBroker();
      const gate = await startGate(broker.port, 'silent');
      const hanging = linkTo(gate.url, new MemoryOutbox());
      await until('connecting', () => hanging.state.kind === 'connecting');
      await hanging.stop();
      expect(hanging.state).toEqual({ kind: 'stopped' });
      await gate.set('closed');
      const waiting = linkTo(gate.url, new MemoryOutbox(), {
        reconnectPause: { firstMs: 60_000, mostMs: 60_000 },
      });
      await until('waiting', () => waiting.state.kind === 'waiting');
      await waiting.stop();
      expect(waiting.state).toEqual({ kind: 'stopped' });
      const never = linkTo(gate.url, new MemoryOutbox());
      await never.stop();
      expect(never.state).toEqual({ kind: 'stopped' });
    });

    test('live messages go out at once or are dropped and counted', async () => {
      const broker = await startBroker();
      const listener = await subscribe(broker);
      const gate = await startGate(broker.port, 'closed');
      const link = linkTo(gate.url, new MemoryOutbox(), { liveBacklogBytes: 10_000 });
      const detection = { ...messageExamples().detection, vehicle: 'rov-1' };
      const live = (): boolean =>
        link.publishLive(topics.detections, new TextEncoder().encode(JSON.stringify(detection)), {
          expirySeconds: 10,
        });
      expect(live()).toBe(false);
      expect(link.counts.liveDropped).toEqual({ offline: 1 });
      await gate.set('open');
      await until('connected', () => link.state.kind === 'connected');
      expect(live()).toBe(true);
      await until('the detection', () => listener.heard.some(({ topic }) => topic === topics.detections));
      await gate.set('silent');
      for (let count = 0; count < 50_000 && !link.counts.liveDropped.congested; count += 1) {
        live();
        if (count % 500 === 0) await new Promise(setImmediate);
      }
      expect(link.counts.liveDropped.congested).toBeGreaterThan(0);
      await gate.set('open');
    });

    test('what waited too long or comes from another boot is marked historical, what is new is not', async () => {
      const broker = await startBroker();
      const listener = await subscribe(broker);
      const outbox = new MemoryOutbox();
      const alert = { lane: 'alert', topic: topics.alerts } as const;
      outbox.add({ ...alert, payload: alertBytes(1), boot: 'boot-0' });
      outbox.add({ ...alert, payload: alertBytes(2), committedAtUtcMs: Date.now() - 3_600_000 });
      outbox.add({ ...alert, payload: alertBytes(3) });
      const link = linkTo(broker.url, outbox);
      await until('three alerts', () => listener.alerts().length === 3);
      expect(listener.alerts().map(({ historical }) => historical)).toEqual([true, true, false]);
      expect(link.counts.historical).toBe(2);
    });

    test('alerts go before runs, runs before images', async () => {
      const broker = await startBroker();
      const listener = await subscribe(broker);
      const gate = await startGate(broker.port, 'closed');
      const outbox = new MemoryOutbox();
      const run = new TextEncoder().encode(JSON.stringify({ ...messageExamples().run, vehicle: 'rov-1' }));
      for (const finding of ['a', 'b', 'c']) {
        outbox.add({
          lane: 'image',
          topic: topics.alertImage(finding),
          payload: JPEG,
          contentType: 'image/jpeg',
        });
      }
      for (let count = 0; count < 2; count += 1) outbox.add({ lane: 'run', topic: topics.run, payload: run });
      for (const sequence of numbers(1, 12)) addAlert(outbox, sequence);
      linkTo(gate.url, outbox);
      await gate.set('open');
      await until('everything', () => outbox.size === 0);
      const order = (): string[] =>
        listener.heard.map(({ topic }) => topic).filter((topic) => topic !== topics.state);
      await until('all heard', () => order().length === 17);
      expect(
        order()
          .slice(0, 12)
          .every((topic) => topic === topics.alerts),
      ).toBe(true);
      expect(order().slice(12, 14)).toEqual([topics.run, topics.run]);
      expect(order().slice(14)).toEqual(['a', 'b', 'c'].map(topics.alertImage));
      const image = listener.heard.findLast(({ topic }) => topic.endsWith('/image'));
      expect(new Uint8Array(image?.payload ?? [])).toEqual(JPEG);
      if (kind.spoken === 5) {
        expect(image?.contentType).toBe('image/jpeg');
        expect(image?.userProperties).toMatchObject({ finding: 'c', historical: 'false' });
      }
    });

    test('a black box that fails for a while holds nothing up for good', async () => {
      const broker = await startBroker();
      const listener = await subscribe(broker);
      const outbox = new MemoryOutbox();
      addAlert(outbox, 1);
      outbox.failing = new Error('disk I/O error');
      const link = linkTo(broker.url, outbox);
      await until('a failed read', () => link.counts.outboxFailures > 0);
      outbox.failing = null;
      await until('the alert', () => outbox.size === 0 && listener.alerts().length > 0);
      expect(sequences(listener)).toEqual([1]);
    });

    test('a message past the outbox is answered, or refused when there is no connection', async () => {
      const broker = await startBroker();
      await subscribe(broker);
      const gate = await startGate(broker.port, 'closed');
      const link = linkTo(gate.url, new MemoryOutbox());
      const bytes = new TextEncoder().encode(
        JSON.stringify({ ...messageExamples().detection, vehicle: 'rov-1' }),
      );
      const send = (): Promise<number> =>
        link.publishAcknowledged(topics.detections, bytes, { expirySeconds: 10 });
      await expect(send()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
      await gate.set('open');
      await until('connected', () => link.state.kind === 'connected');
      expect(await send()).toBe(0);
      await gate.set('silent');
      const lost = expect(send()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
      await gate.set('closed');
      await lost;
    });
  });
}
