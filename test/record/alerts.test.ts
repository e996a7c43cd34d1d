import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { type BlackBox, openBlackBox } from '../../src/record/black-box.ts';
import type { RecordLimits } from '../../src/record/limits.ts';
import { DATABASE_FILE } from '../../src/record/open-record.ts';
import { newFolder, sampleFinding, sampleMessage } from './samples.ts';

const DAY = 86_400_000;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function opened(
  folder: string,
  { clock = new ManualClock(), boot = 'b1', limits = {} as Partial<RecordLimits> } = {},
): Promise<BlackBox> {
  return openBlackBox({ folder, boot, limits, log: silentLog(), clock });
}

/** Tells steps of findings: `f1 opened` is a step of `f1`; those of one run share its first letter. */
async function tell(box: BlackBox, steps: readonly string[]): Promise<void> {
  for (const step of steps) {
    const id = step.split(' ')[0] ?? '';
    await box.commit({ finding: sampleFinding(id, `run-${id[0]}`), messages: [sampleMessage(step)] });
  }
}

async function newest(
  box: BlackBox,
  query = {},
  limit = 99,
  before: number | null = null,
): Promise<string[]> {
  return (await box.alerts({ query, before, limit })).map(({ payload }) => text(payload));
}

async function waiting(box: BlackBox): Promise<string[]> {
  return (await box.head('alert', 999)).map(({ payload }) => text(payload));
}

async function settleAll(box: BlackBox): Promise<void> {
  for (const { id } of await box.head('alert', 999)) await box.settle(id);
}

test('the newest alert of each finding, the last told first, a page at a time', async () => {
  await using box = await opened(await newFolder());
  await tell(box, ['a1 opened', 'a2 opened', 'b1 opened', 'a1 closed']);
  expect(await newest(box)).toEqual(['a1 closed', 'b1 opened', 'a2 opened']);
  expect(await newest(box, { runId: 'run-a' })).toEqual(['a1 closed', 'a2 opened']);
  expect(await newest(box, { findingId: 'b1' })).toEqual(['b1 opened']);
  const [first] = await box.alerts({ query: {}, before: null, limit: 1 });
  expect(await newest(box, {}, 1, first?.id)).toEqual(['b1 opened']);
});

test('only what was told since a moment', async () => {
  const clock = new ManualClock();
  await using box = await opened(await newFolder(), { clock });
  await tell(box, ['a1 opened']);
  await clock.advance(1_000);
  const since = clock.now().utcMs;
  await tell(box, ['a2 opened']);
  expect(await newest(box, { since })).toEqual(['a2 opened']);
});

test('what is told again is the same bytes under the same boot; what waits is not doubled', async () => {
  const folder = await newFolder();
  {
    await using box = await opened(folder);
    await tell(box, ['a1 opened', 'b1 opened', 'a1 closed']);
    await settleAll(box);
  }
  await using box = await opened(folder, { boot: 'b2' });
  const heard: (readonly number[])[] = [];
  box.onCommit((lane, fresh) => {
    if (lane === 'alert') heard.push(fresh);
  });
  await tell(box, ['a2 opened']);
  expect(await box.resend({ runId: 'run-a' })).toEqual({ queued: 2, waiting: 1 });
  const entries = await box.head('alert', 99);
  expect(entries.map(({ payload, boot }) => [text(payload), boot])).toEqual([
    ['a2 opened', 'b2'],
    ['a1 opened', 'b1'],
    ['a1 closed', 'b1'],
  ]);
  // The second is no news: it must not pass for something of the present.
  expect(heard.map((fresh) => fresh.length)).toEqual([1, 0]);
  expect(await box.resend({ runId: 'run-a' })).toEqual({ queued: 0, waiting: 3 });
  await settleAll(box);
  expect(await box.resend({ findingId: 'a1' })).toEqual({ queued: 2, waiting: 0 });
});

test('more than fit one batch are told again in their order', async () => {
  await using box = await opened(await newFolder());
  const steps = Array.from({ length: 230 }, (_, index) => `a${index} opened`);
  await Promise.all(steps.map((step) => tell(box, [step])));
  const order = await waiting(box);
  await settleAll(box);
  expect(await box.resend({ runId: 'run-a' })).toEqual({ queued: 230, waiting: 0 });
  expect(await waiting(box)).toEqual(order);
});

test('what is older than the outbox keeps is not told again, but still known', async () => {
  const clock = new ManualClock();
  await using box = await opened(await newFolder(), { clock, limits: { outboxAgeMs: DAY } });
  await tell(box, ['a1 opened']);
  await settleAll(box);
  await clock.advance(2 * DAY);
  expect(await box.resend({ runId: 'run-a' })).toEqual({ queued: 0, waiting: 0 });
  expect(await newest(box)).toEqual(['a1 opened']);
});

test('steps told long ago go when there are too many, counted; how each finding stands stays', async () => {
  await using box = await opened(await newFolder(), { limits: { toldBytes: 60 } });
  for (let index = 0; index < 30; index += 1) await tell(box, [`a1 updated ${index}`]);
  await tell(box, ['a2 opened', 'b1 opened']);
  expect(await newest(box)).toEqual(['b1 opened', 'a2 opened', 'a1 updated 29']);
  expect(box.depth().dropped['told-over-limit']).toBeGreaterThan(20);
  // Nothing of it was taken from the outbox.
  expect(await waiting(box)).toHaveLength(32);
});

test('a retold alert is the newest of its finding', async () => {
  await using box = await opened(await newFolder());
  await tell(box, ['a1 closed']);
  await box.retell({ findingId: 'a1', runId: 'run-a' }, sampleMessage('a1 reviewed'));
  expect(await newest(box)).toEqual(['a1 reviewed']);
  expect(await waiting(box)).toEqual(['a1 closed', 'a1 reviewed']);
});

test('a record of before this table was there keeps what waits, and knows of later alerts', async () => {
  const folder = await newFolder();
  {
    await using box = await opened(folder);
    await tell(box, ['a1 opened']);
  }
  const db = new DatabaseSync(join(folder, DATABASE_FILE));
  db.exec("DROP TABLE alerts; DELETE FROM totals WHERE name = 'told'; PRAGMA user_version = 1;");
  db.close();
  await using box = await opened(folder, { boot: 'b2' });
  expect(await waiting(box)).toEqual(['a1 opened']);
  expect(await newest(box)).toEqual([]);
  await tell(box, ['a1 closed']);
  expect(await newest(box)).toEqual(['a1 closed']);
});
