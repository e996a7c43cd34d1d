import mqtt from 'mqtt';
import { expect, test } from 'vitest';
import { Desk } from '../../src/console/desk.ts';
import { History } from '../../src/console/history.ts';
import { RunLog } from '../../src/console/run-log.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { messageExamples } from '../../src/surface/messages/examples.ts';
import type { RunLogMessage } from '../../src/surface/messages/run-log.ts';
import { until } from '../scenarios/until.ts';
import { BROKERS } from '../surface/brokers.ts';

const START = Date.UTC(2026, 4, 20, 10);
const utcAt = (seconds: number): string => new Date(START + seconds * 1000).toISOString();

/** What a vehicle tells `seconds` after its run began. */
function told(
  seconds: number,
  coverage: { readonly seen: number; readonly turbid?: number; readonly lost?: number },
  over: { readonly boot?: string; readonly sequence?: number; readonly kp?: number } = {},
): RunLogMessage {
  const example = messageExamples().runLog;
  const { boot = 'boot-1', sequence = seconds, kp } = over;
  const blindSeconds = coverage.turbid === undefined ? {} : { turbid: coverage.turbid };
  const gained = { seenSeconds: coverage.seen, blindSeconds, lostSeconds: coverage.lost ?? 0 };
  return {
    ...{ ...example, boot, sequence, at: utcAt(seconds) },
    run: {
      ...{ ...example.run, startedAt: utcAt(0) },
      coverage: { ...example.run.coverage, ...gained },
    },
    position:
      kp === undefined || example.position === null
        ? null
        : { ...example.position, kp, measuredAt: utcAt(0) },
  };
}

test('between two messages of a run lies a stretch: its seconds, its reason, its kilometre points', () => {
  using history = new History(':memory:');
  const log = new RunLog(history);
  expect(log.knows('rov-1')).toBe(false);
  expect(log.take(told(0, { seen: 0 }, { kp: 12 }))).toBeNull();
  expect(log.knows('rov-1')).toBe(true);
  expect(log.take(told(10, { seen: 7, turbid: 3 }, { kp: 12.01 }))).toEqual({
    ...{ run: told(0, { seen: 0 }).run.id, beganUtcMs: START, endedUtcMs: START + 10_000 },
    ...{ seen: 7, blind: 3, lost: 0, reason: 'turbid', kpFrom: 12, kpTo: 12.01 },
  });
  // Again, as QoS 1 allows: nothing new.
  expect(log.take(told(10, { seen: 7, turbid: 3 }))).toBeNull();
  // One is missing: the next stretch is longer, and no second is lost or counted twice.
  expect(log.take(told(30, { seen: 20, turbid: 3, lost: 7 }))).toMatchObject({
    ...{ beganUtcMs: START + 10_000, endedUtcMs: START + 30_000 },
    ...{ seen: 13, blind: 0, lost: 7, reason: null, kpFrom: 12.01, kpTo: null },
  });
  // After a restart of the vehicle the run goes on under another boot; the console begins anew as well.
  const later = new RunLog(history).take(
    told(60, { seen: 25, turbid: 3, lost: 32 }, { boot: 'boot-2', sequence: 1 }),
  );
  expect(later).toMatchObject({ beganUtcMs: START + 30_000, seen: 5, blind: 0, lost: 25 });
});

test('what happened while nobody was heard fills the strip, once, though `run` tells of the same time', async () => {
  const [aedes] = BROKERS;
  const broker = await aedes.start();
  using history = new History(':memory:');
  const desk = new Desk({ broker: broker.url, history, clock: systemClock, log: silentLog() });
  desk.start();
  await until('connected', () => desk.link.state.kind === 'connected');
  const vehicle = await mqtt.connectAsync(broker.url, { protocolVersion: 4 });
  const say = (topic: string, message: object) =>
    vehicle.publishAsync(`specta/rov-1/${topic}`, JSON.stringify(message), { qos: 1 });
  for (let seconds = 0; seconds <= 600; seconds += 10) {
    const message = told(seconds, { seen: seconds * 0.8, turbid: seconds * 0.2 });
    await say('run/log', { ...message, historical: seconds < 590 });
    const { position: _, positionMissing: __, ...rest } = message;
    if (seconds >= 590) await say('run', { ...rest, sequence: seconds + 1, openFindings: [] });
  }
  const stretches = () => history.coverage('rov-1', START);
  await until('all of it', () => stretches().length >= 60);
  expect(stretches()).toHaveLength(60);
  const sum = (kind: 'seen' | 'blind' | 'lost'): number =>
    stretches().reduce((all, stretch) => all + stretch[kind], 0);
  expect([sum('seen'), sum('blind'), sum('lost')].map(Math.round)).toEqual([480, 120, 0]);
  expect(desk.vehicle('rov-1')?.run?.id).toBe(told(0, { seen: 0 }).run.id);
  await desk.stop();
  await vehicle.endAsync();
  await broker.stop();
});
