import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, expect, test } from 'vitest';
import { Desk, type DeskEvent } from '../../src/console/desk.ts';
import { listFindings } from '../../src/console/finding-list.ts';
import { History } from '../../src/console/history.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { until } from '../scenarios/until.ts';
import { BROKERS } from '../surface/brokers.ts';
import { TestVehicle } from './test-vehicle.ts';

const folder = mkdtempSync(join(tmpdir(), 'specta-desk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => join(folder, `history-${++files}.sqlite`);

interface Seat extends AsyncDisposable {
  readonly desk: Desk;
  readonly events: DeskEvent[];
}

/** An operator's desk at a broker, with its history in a file that outlives it. */
async function sit(broker: string, file: string, protocol: 'auto' | 4 | 5 = 'auto'): Promise<Seat> {
  const history = new History(file);
  const desk = new Desk({ broker, protocol, history, clock: systemClock, log: silentLog() });
  const events: DeskEvent[] = [];
  desk.events.on((event) => events.push(event));
  desk.start();
  await until('the desk is connected', () => desk.link.state.kind === 'connected');
  return {
    desk,
    events,
    async [Symbol.asyncDispose]() {
      await desk.stop();
      history.close();
    },
  };
}

function idsOf({ history }: Desk): string[] {
  const query = { order: 'time', offset: 0, limit: 500 } as const;
  return listFindings(history, query)
    .rows.map(({ finding }) => finding)
    .sort();
}

const named = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `F-boot-${String(from + index).padStart(4, '0')}`);

for (const kind of BROKERS) {
  const title = (what: string): string => `${kind.name}: ${what}`;

  test.skipIf(kind.missing)(title('what comes while the desk is away waits at the broker'), async () => {
    const broker = await kind.start();
    const vehicle = new TestVehicle('rov-1');
    const file = newFile();
    const wanted = named(12);
    {
      await using seat = await sit(broker.url, file, kind.protocol);
      await vehicle.connect(broker.url, kind.spoken);
      for (const id of wanted.slice(0, 4)) await vehicle.find(id);
      await until('four findings', () => idsOf(seat.desk).length === 4);
      expect(seat.desk.vehicle('rov-1')).toMatchObject({ state: 'online', sight: { kind: 'watching' } });
    }
    for (const id of wanted.slice(4)) await vehicle.find(id);
    await using again = await sit(broker.url, file, kind.protocol);
    await until('all findings', () => idsOf(again.desk).length === wanted.length);
    expect(idsOf(again.desk)).toEqual(wanted);
    const state = again.desk.link.state;
    expect(state).toMatchObject({
      kind: 'connected',
      resumed: true,
      protocol: kind.spoken === 5 ? '5' : '3.1.1',
    });
    await vehicle.leave();
    await broker.stop();
  });

  test.skipIf(kind.missing)(
    title('what a killed broker took is found by comparing, and asked for; every finding once'),
    async () => {
      const file = newFile();
      const vehicle = new TestVehicle('rov-1');
      const wanted = named(15);
      let broker = await kind.start();
      const { port } = broker;
      {
        await using seat = await sit(broker.url, file, kind.protocol);
        await vehicle.connect(broker.url, kind.spoken);
        for (const id of wanted.slice(0, 3)) await vehicle.find(id);
        await until('compared once', () => seat.desk.vehicle('rov-1')?.catchUp.kind === 'done');
      }
      // Acknowledged by the broker, kept for the desk in its memory only, and gone with it.
      for (const id of wanted.slice(3, 12)) await vehicle.find(id);
      await vehicle.find(wanted[3], {}, 'closed');
      await broker.kill();
      await vehicle.leave();
      for (const id of wanted.slice(12)) await vehicle.find(id);
      broker = await kind.start(port);
      await vehicle.connect(broker.url, kind.spoken);
      await using again = await sit(broker.url, file, kind.protocol);
      await until('compared again', () => again.desk.vehicle('rov-1')?.catchUp.kind === 'done');
      expect(idsOf(again.desk)).toEqual(wanted);
      expect(again.desk.vehicle('rov-1')?.catchUp).toMatchObject({ missing: 12 });
      // Each step, not only the newest word, comes again by the topic.
      expect(vehicle.asked.some(({ name }) => name === 'alerts/resend')).toBe(true);
      const steps = (): unknown[] =>
        again.desk.history.rows('SELECT 1 FROM alerts WHERE finding = ?', wanted[3]);
      await until('both steps', () => steps().length === 2);
      await vehicle.leave();
      await broker.stop();
    },
  );

  test.skipIf(kind.missing)(
    title('review and acknowledgement at one desk are known at every other'),
    async () => {
      const broker = await kind.start();
      const vehicle = new TestVehicle('rov-1');
      await using one = await sit(broker.url, newFile());
      await using other = await sit(broker.url, newFile());
      await vehicle.connect(broker.url, kind.spoken);
      await vehicle.find('F-boot-0001');
      await until('both know it', () => idsOf(one.desk).length + idsOf(other.desk).length === 2);
      await one.desk.asking.ask('rov-1', 'finding/review', {
        ...{ finding: 'F-boot-0001', review: 'rejected', note: 'a weld seam', by: 'A. Sari' },
      });
      await other.desk.asking.ask('rov-1', 'finding/acknowledge', { finding: 'F-boot-0001' });
      for (const { desk, events } of [one, other]) {
        const row = () => listFindings(desk.history, { order: 'time', offset: 0, limit: 9 }).rows[0];
        await until('reviewed', () => row().review === 'rejected' && row().acknowledged);
        expect(desk.vehicle('rov-1')?.counts).toMatchObject({ unacknowledged: 0, unacknowledgedCracks: 0 });
        // One horn: what people say of a finding is no new crack.
        expect(events.filter((event) => event.kind === 'finding' && event.alarm)).toHaveLength(1);
      }
      await vehicle.leave();
      await broker.stop();
    },
  );
}

const [aedes] = BROKERS;

test('a message that cannot be kept is not acknowledged: it is given again until it is kept', async () => {
  const broker = await aedes.start();
  const history = new History(newFile());
  let refusals = 2;
  const keep = history.putAlert.bind(history);
  history.putAlert = (alert, heard) => {
    if (refusals > 0) {
      refusals -= 1;
      throw new Error('the disk is full');
    }
    return keep(alert, heard);
  };
  const desk = new Desk({ broker: broker.url, history, clock: systemClock, log: silentLog() });
  desk.start();
  await until('connected', () => desk.link.state.kind === 'connected');
  const vehicle = new TestVehicle('rov-1');
  await vehicle.connect(broker.url, 4);
  await vehicle.find('F-boot-0001');
  await until('kept at last', () => idsOf(desk).length === 1);
  expect(desk.link.takenAgain).toBe(2);
  await desk.stop();
  history.close();
  await vehicle.leave();
  await broker.stop();
});

test('whatever anybody publishes is counted and hurts nobody', async () => {
  const broker = await aedes.start();
  await using seat = await sit(broker.url, newFile());
  const client = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  const odd = ['', 'null', '{}', '[1]', '\u0000', '{"schema":1,"vehicle":"rov-2"}', '{"status":"ok"}'];
  for (const topic of ['alerts', 'state', 'run', 'response/status', 'alerts/x/image', 'status/camera']) {
    for (const payload of odd) await client.publishAsync(`specta/rov-1/${topic}`, payload, { qos: 1 });
  }
  await until('all were read', () => {
    const counts = Object.values(seat.desk.unreadable.snapshot());
    return counts.reduce<number>((sum, count = 0) => sum + count, 0) >= 40;
  });
  expect(idsOf(seat.desk)).toEqual([]);
  expect(seat.desk.link.state.kind).toBe('connected');
  await client.endAsync();
  await broker.stop();
});

test('a vehicle that answers no such question is told as such, and is shown all the same', async () => {
  const broker = await aedes.start();
  const vehicle = new TestVehicle('rov-1');
  vehicle.knows = (name) => name !== 'findings/list';
  await using seat = await sit(broker.url, newFile());
  await vehicle.connect(broker.url, 4);
  await until('told', () => seat.desk.vehicle('rov-1')?.catchUp.kind === 'failed');
  expect(seat.desk.vehicle('rov-1')?.catchUp).toMatchObject({ final: true });
  expect(seat.desk.vehicle('rov-1')?.sight).toEqual({ kind: 'watching' });
  await vehicle.leave();
  await until('lost', () => seat.desk.vehicle('rov-1')?.sight.kind === 'unknown');
  expect(seat.desk.vehicle('rov-1')).toMatchObject({ state: 'offline', sight: { why: 'offline' } });
  await broker.stop();
});

test('steps that were asked for in vain are asked for again, though the newest word on their finding is known', async () => {
  const broker = await aedes.start();
  const file = newFile();
  const vehicle = new TestVehicle('rov-1');
  {
    await using seat = await sit(broker.url, file);
    await vehicle.connect(broker.url, 4);
    await until('compared once', () => seat.desk.vehicle('rov-1')?.catchUp.kind === 'done');
  }
  await vehicle.leave();
  await vehicle.find('F-boot-0001');
  await vehicle.find('F-boot-0001', {}, 'closed');
  let refusals = 1;
  vehicle.refuses = (name) => name === 'alerts/resend' && refusals-- > 0;
  await using again = await sit(broker.url, file);
  await vehicle.connect(broker.url, 4);
  await until('compared again', () => again.desk.vehicle('rov-1')?.catchUp.kind === 'done');
  expect(again.desk.vehicle('rov-1')?.catchUp).toMatchObject({ missing: 1 });
  const steps = (): unknown[] =>
    again.desk.history.rows('SELECT 1 FROM alerts WHERE finding = ?', 'F-boot-0001');
  await until('both steps', () => steps().length === 2);
  await vehicle.leave();
  await broker.stop();
});

test('what people say of a finding of an earlier boot counts, also where the later boot was heard of first', async () => {
  const broker = await aedes.start();
  const vehicle = new TestVehicle('rov-1');
  await vehicle.find('F-boot-0001');
  await vehicle.find('F-boot-0001', {}, 'closed');
  vehicle.reboot('boot-2');
  await vehicle.find('F-boot-0002');
  await vehicle.connect(broker.url, 4);
  await using seat = await sit(broker.url, newFile());
  await until('compared', () => seat.desk.vehicle('rov-1')?.catchUp.kind === 'done');
  const { asking, history } = seat.desk;
  const row = () =>
    listFindings(history, { order: 'time', offset: 0, limit: 9 }).rows.find(
      ({ finding }) => finding === 'F-boot-0001',
    );
  await asking.ask('rov-1', 'finding/acknowledge', { finding: 'F-boot-0001' });
  await until('it is acknowledged', () => row()?.acknowledged);
  // Its steps come again, out of the boot before: they are older than what was said since.
  await asking.ask('rov-1', 'alerts/resend', { finding: 'F-boot-0001' });
  const steps = (): unknown[] => history.rows('SELECT 1 FROM alerts WHERE finding = ?', 'F-boot-0001');
  await until('all steps', () => steps().length === 3);
  expect(row()).toMatchObject({ acknowledged: true, open: false });
  await vehicle.leave();
  await broker.stop();
});

test('a clock that was ahead and not believed hides nothing that comes by a better one', async () => {
  const broker = await aedes.start();
  const vehicle = new TestVehicle('rov-1');
  vehicle.clock = { quality: 'unsynchronised', aheadMs: 10 * 365 * 86_400_000 };
  await using seat = await sit(broker.url, newFile());
  await vehicle.connect(broker.url, 4);
  await until('compared once', () => seat.desk.vehicle('rov-1')?.catchUp.kind === 'done');
  await vehicle.leave();
  await until('it is gone', () => seat.desk.vehicle('rov-1')?.state === 'offline');
  await vehicle.find('F-boot-0001');
  vehicle.clock = { quality: 'synchronised', aheadMs: 0 };
  await vehicle.connect(broker.url, 4);
  await until('compared again', () => seat.desk.vehicle('rov-1')?.catchUp.kind === 'done');
  expect(idsOf(seat.desk)).toEqual(['F-boot-0001']);
  await vehicle.leave();
  await broker.stop();
});
