import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/platform/clock.ts';
import { SpectaError } from '../../src/platform/errors.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Outgoing } from '../../src/surface/connection.ts';
import { LinkCounters } from '../../src/surface/link-counters.ts';
import { Pump, type Sender } from '../../src/surface/pump.ts';
import { RepeatedLog } from '../../src/surface/repeated-log.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { MemoryOutbox } from './memory-outbox.ts';

const topics = topicsOf('rov-1');

/** How a made-up broker answers one message; `lost`: the connection ends instead. */
type Answer = 0 | 16 | 0x87 | 'lost';

/** A connection to a made-up broker that answers in order, from a script first and then always with 0. */
class ScriptedSender implements Sender {
  readonly sent: string[] = [];
  readonly accepted: string[] = [];
  private readonly lost = Promise.withResolvers<string>();
  private readonly script: Answer[];
  private dead = false;

  constructor(script: Answer[]) {
    this.script = script;
  }

  get closed(): Promise<string> {
    return this.lost.promise;
  }

  async send(message: Outgoing): Promise<number> {
    const name = new TextDecoder().decode(message.payload);
    this.sent.push(name);
    await new Promise(setImmediate);
    const answer = this.dead ? 'lost' : (this.script.shift() ?? 0);
    if (answer === 'lost') {
      this.dead = true;
      this.lost.resolve('lost');
      throw new SpectaError('BROKER_UNREACHABLE', 'lost', 'wait');
    }
    if (answer === 0) this.accepted.push(name);
    return answer;
  }
}

const answer: fc.Arbitrary<Answer> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Answer>(0) },
  { weight: 2, arbitrary: fc.constant<Answer>(16) },
  { weight: 2, arbitrary: fc.constant<Answer>(0x87) },
  { weight: 1, arbitrary: fc.constant<Answer>('lost') },
);

function pumpOver(
  sender: Sender,
  outbox: MemoryOutbox,
  clock: ManualClock,
  inFlight: number,
  backlog = { backlogPerSecond: 5, backlogBurst: 3 },
): Pump {
  return new Pump(
    sender,
    {
      inFlight,
      ...backlog,
      imagesPerSecond: 4,
      unheardRetrySeconds: 5,
      refusedPause: { firstMs: 1000, mostMs: 8000 },
      historicalAfterSeconds: 1e9,
      boot: 'boot-1',
    },
    {
      clock,
      log: new RepeatedLog(silentLog(), clock, 1000),
      outbox,
      topics,
      counters: new LinkCounters(),
    },
    () => undefined,
  );
}

function add(outbox: MemoryOutbox, lane: 'alert' | 'run' | 'image', name: string): number {
  const payload = new TextEncoder().encode(name);
  return outbox.add({ lane, topic: topics.alerts, payload, contentType: 'text/plain' });
}

test('whatever the broker answers, each entry is settled once, after it was accepted', async () => {
  const lane = fc.constantFrom('alert' as const, 'run' as const, 'image' as const);
  await fc.assert(
    fc.asyncProperty(
      fc.array(lane, { maxLength: 25 }),
      fc.array(answer, { maxLength: 60 }),
      fc.integer({ min: 1, max: 10 }),
      async (lanes, script, inFlight) => {
        const clock = new ManualClock();
        const outbox = new MemoryOutbox();
        const half = Math.floor(lanes.length / 2);
        const ids = lanes.slice(0, half).map((name, index) => add(outbox, name, `${index}`));
        const senders: ScriptedSender[] = [];
        const accepted = (): string[] => senders.flatMap((sender) => sender.accepted);
        for (let rounds = 0; (rounds === 0 || outbox.size > 0) && rounds < 100; rounds += 1) {
          const sender = new ScriptedSender(script);
          senders.push(sender);
          const pump = pumpOver(sender, outbox, clock, inFlight);
          const running = pump.run();
          let live = true;
          void sender.closed.then(() => {
            live = false;
          });
          if (rounds === 0) {
            for (const [index, name] of lanes.slice(half).entries())
              ids.push(add(outbox, name, `${half + index}`));
          }
          for (let steps = 0; live && outbox.size > 0 && steps < 400; steps += 1) await clock.advance(1000);
          pump.stop();
          await clock.advance(1000);
          await running;
          // Nothing is settled that the broker did not accept on one of the connections so far.
          const names = new Set(accepted());
          for (const id of outbox.settled) expect(names.has(`${ids.indexOf(id)}`)).toBe(true);
        }
        expect(outbox.size).toBe(0);
        expect(new Set(outbox.settled).size).toBe(ids.length);
        expect(outbox.settled).toHaveLength(ids.length);
      },
    ),
    { numRuns: 60 },
  );
});

test('with one in flight the order of alerts holds through every refusal and silence', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 15 }),
      fc.array(
        answer.filter((kind) => kind !== 'lost'),
        { maxLength: 30 },
      ),
      async (count, script) => {
        const clock = new ManualClock();
        const outbox = new MemoryOutbox();
        const names = Array.from({ length: count }, (_, index) => `${index}`);
        for (const name of names) add(outbox, 'alert', name);
        const sender = new ScriptedSender(script);
        const pump = pumpOver(sender, outbox, clock, 1);
        const running = pump.run();
        for (let steps = 0; outbox.size > 0 && steps < 600; steps += 1) await clock.advance(1000);
        pump.stop();
        await running;
        expect(sender.accepted).toEqual(names);
      },
    ),
    { numRuns: 40 },
  );
});

test('until somebody has heard the first alert, only one is under way', async () => {
  const clock = new ManualClock();
  const outbox = new MemoryOutbox();
  for (let index = 0; index < 20; index += 1) add(outbox, 'alert', `${index}`);
  const sender = new ScriptedSender([16, 16, 16]);
  const pump = pumpOver(sender, outbox, clock, 8);
  const running = pump.run();
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) await clock.advance(100);
  };
  await pass(4000);
  expect(sender.sent).toEqual(['0']);
  await pass(8000);
  expect(sender.sent).toEqual(['0', '0', '0']);
  expect(pump.condition('alert')).toEqual({ kind: 'unheard' });
  for (let steps = 0; outbox.size > 0 && steps < 100; steps += 1) await clock.advance(1000);
  expect(sender.accepted).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`));
  expect(pump.condition('alert')).toEqual({ kind: 'flowing' });
  pump.stop();
  await running;
});

test('a long backlog goes at its bounded rate and is passed by what is new; nothing goes twice or is left', async () => {
  const clock = new ManualClock();
  const outbox = new MemoryOutbox();
  const past = Array.from({ length: 60 }, (_, index) => `past ${index}`);
  for (const name of past) add(outbox, 'alert', name);
  add(outbox, 'image', 'image');
  const sender = new ScriptedSender([]);
  const pump = pumpOver(sender, outbox, clock, 8, { backlogPerSecond: 10, backlogBurst: 10 });
  const running = pump.run();
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) await clock.advance(50);
  };
  await pass(1000);
  const early = sender.sent.length;
  expect(early).toBeGreaterThanOrEqual(15);
  expect(early).toBeLessThanOrEqual(21);
  for (const name of ['new 1', 'new 2', 'new 3']) add(outbox, 'alert', name);
  await pass(200);
  // At once, and in their order, though more than thirty wait before them.
  expect(sender.sent.filter((name) => name.startsWith('new'))).toEqual(['new 1', 'new 2', 'new 3']);
  expect(outbox.size).toBeGreaterThan(30);
  for (let steps = 0; outbox.size > 0 && steps < 400; steps += 1) await clock.advance(50);
  expect(sender.sent.filter((name) => name.startsWith('past'))).toEqual(past);
  // Strictly behind every alert.
  expect(sender.sent.at(-1)).toBe('image');
  expect(sender.sent).toHaveLength(64);
  // The backlog is over: order is that of the commits again.
  for (const name of ['a', 'b', 'c']) add(outbox, 'alert', name);
  await pass(500);
  expect(sender.sent.slice(-3)).toEqual(['a', 'b', 'c']);
  pump.stop();
  await running;
});

test('images go at a bounded rate, one at a time, and an alert does not wait for them', async () => {
  const clock = new ManualClock();
  const outbox = new MemoryOutbox();
  for (let index = 0; index < 40; index += 1) add(outbox, 'image', `image ${index}`);
  const sender = new ScriptedSender([]);
  const pump = pumpOver(sender, outbox, clock, 8);
  const running = pump.run();
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) await clock.advance(50);
  };
  await pass(2_000);
  // Some at once, then four a second.
  expect(sender.sent.length).toBeGreaterThanOrEqual(12);
  expect(sender.sent.length).toBeLessThanOrEqual(17);
  add(outbox, 'alert', 'alert');
  await pass(100);
  expect(sender.sent.slice(-2)).toContain('alert');
  for (let steps = 0; outbox.size > 0 && steps < 400; steps += 1) await clock.advance(50);
  const images = sender.sent.filter((name) => name !== 'alert');
  expect(images).toEqual(Array.from({ length: 40 }, (_, index) => `image ${index}`));
  pump.stop();
  await running;
});

test('an image that nobody wants is sent ever more rarely, an alert as often as before', async () => {
  const clock = new ManualClock();
  const outbox = new MemoryOutbox();
  add(outbox, 'image', 'image');
  const sender = new ScriptedSender(Array.from({ length: 60 }, () => 16));
  const pump = pumpOver(sender, outbox, clock, 8);
  const running = pump.run();
  const sentWithin = async (ms: number): Promise<readonly string[]> => {
    const before = sender.sent.length;
    for (let passed = 0; passed < ms; passed += 100) await clock.advance(100);
    return sender.sent.slice(before);
  };
  await sentWithin(60_000);
  const images = await sentWithin(120_000);
  expect(images.length).toBeGreaterThanOrEqual(3);
  expect(images.length).toBeLessThanOrEqual(4);
  add(outbox, 'alert', 'alert');
  await sentWithin(1_000);
  const alerts = (await sentWithin(60_000)).filter((name) => name === 'alert');
  expect(alerts.length).toBeGreaterThanOrEqual(11);
  for (let steps = 0; outbox.size > 0 && steps < 2_000; steps += 1) await clock.advance(1_000);
  expect(new Set(sender.accepted)).toEqual(new Set(['alert', 'image']));
  pump.stop();
  await running;
});

test('after a short outage present and past go in one order', async () => {
  const clock = new ManualClock();
  const outbox = new MemoryOutbox();
  for (let index = 0; index < 20; index += 1) add(outbox, 'alert', `${index}`);
  const sender = new ScriptedSender([]);
  const pump = pumpOver(sender, outbox, clock, 8, { backlogPerSecond: 10, backlogBurst: 64 });
  const running = pump.run();
  await new Promise(setImmediate);
  add(outbox, 'alert', '20');
  for (let steps = 0; outbox.size > 0 && steps < 100; steps += 1) await clock.advance(10);
  expect(sender.sent).toEqual(Array.from({ length: 21 }, (_, index) => `${index}`));
  pump.stop();
  await running;
});

test('what is refused while it passes a backlog goes with it, in order', async () => {
  const clock = new ManualClock();
  const outbox = new MemoryOutbox();
  for (let index = 0; index < 12; index += 1) add(outbox, 'alert', `${index}`);
  const sender = new ScriptedSender([0, 0, 0, 0, 0, 16]);
  const pump = pumpOver(sender, outbox, clock, 1, { backlogPerSecond: 5, backlogBurst: 5 });
  const running = pump.run();
  while (sender.sent.length < 5) await clock.advance(1);
  for (let steps = 0; steps < 10; steps += 1) await clock.advance(1);
  add(outbox, 'alert', 'new');
  for (let steps = 0; pump.condition('alert').kind === 'flowing' && steps < 100; steps += 1)
    await clock.advance(1);
  expect(sender.sent.at(-1)).toBe('new');
  for (let steps = 0; outbox.size > 0 && steps < 400; steps += 1) await clock.advance(50);
  expect(sender.accepted).toEqual([...Array.from({ length: 12 }, (_, index) => `${index}`), 'new']);
  pump.stop();
  await running;
});
