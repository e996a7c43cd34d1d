import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FindingReporter } from '../../src/daemon/finding-reporter.ts';
import type { Locate } from '../../src/daemon/whereabouts.ts';
import type { FindingChange, Located } from '../../src/domain/finding.ts';
import type { Frame } from '../../src/domain/frame.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { type BlackBox, openBlackBox } from '../../src/record/black-box.ts';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { crackPicture } from '../fixtures/pictures.ts';
import { sampleFinding } from '../record/sample-values.ts';
import { until } from '../scenarios/until.ts';
import { withFolder } from './folder.ts';

const topics = topicsOf('rov-1');
const picture = crackPicture({ width: 160, height: 120 });

function frameOf(sequence: number): Frame {
  const capturedAt = systemClock.now();
  const data = new Uint8Array(picture);
  return {
    sequence,
    capturedAt,
    format: 'jpeg',
    range: 'full',
    width: 0,
    height: 0,
    stride: 0,
    data,
    source: 'test',
  };
}

function changeOf(id: string, phase: FindingChange['phase'], sequence = 7): FindingChange {
  const at = systemClock.now();
  const peak = { frame: { sequence, capturedAt: at, source: 'test' }, probability: 0.97 };
  const model = { name: 'm', version: '0.1.0', digest: 'ab'.repeat(32), engine: 'onnx', provider: 'cpu' };
  const end = phase === 'closed' ? { closedAt: at, closeReason: 'gone' as const } : {};
  const finding = sampleFinding(id, 'r', { openedAt: at, lastSeenAt: at, peak, model, ...end });
  return { phase, finding, at, peakChanged: phase === 'opened' };
}

/** A reporter over a real black box; `blocked` puts a file where its folder should be. */
async function withReporter(
  blocked: boolean,
  use: (parts: {
    reporter: FindingReporter;
    record: BlackBox;
    report: (change: FindingChange, frame?: Frame | null) => void;
    unblock: () => Promise<void>;
  }) => Promise<void>,
  locate?: Locate,
): Promise<void> {
  await withFolder(async (root) => {
    const folder = join(root, 'record');
    if (blocked) await writeFile(folder, '');
    const log = silentLog();
    const record = await openBlackBox({ folder, boot: 'b', log, clock: systemClock });
    const reporter = new FindingReporter({
      record,
      topics,
      clock: systemClock,
      log,
      ...(locate && { locate }),
    });
    let sequence = 0;
    const report = (change: FindingChange, frame: Frame | null = null): void => {
      sequence += 1;
      reporter.report(change, frame, { vehicle: 'rov-1', boot: 'b', sequence, clockQuality: 'unset' });
    };
    try {
      await use({ reporter, record, report, unblock: () => rm(folder) });
    } finally {
      await record.close();
    }
  });
}

async function alertsOf(record: BlackBox): Promise<AlertMessage[]> {
  const entries = await record.head('alert', 1_000);
  return entries.map(({ payload }) => JSON.parse(new TextDecoder().decode(payload)) as AlertMessage);
}

test('a finding is committed with its still before its alert can be read, and the image follows', () =>
  withReporter(false, async ({ reporter, record, report }) => {
    const committed: number[] = [];
    reporter.committed.on(({ sequence }) => committed.push(sequence));
    report(changeOf('F-1', 'opened'), frameOf(7));
    report(changeOf('F-1', 'closed'));
    await reporter.flush(10_000);
    expect(committed).toEqual([1, 2]);
    expect(reporter.waiting).toBe(0);
    const alerts = await alertsOf(record);
    expect(alerts.map(({ phase, sequence }) => [phase, sequence])).toEqual([
      ['opened', 1],
      ['closed', 2],
    ]);
    const stills = await record.evidenceOf('F-1');
    expect(stills.map(({ kind }) => kind)).toEqual(['clean', 'annotated']);
    for (const { evidence } of alerts) {
      expect(evidence).toEqual({ file: stills[0].file, sha256: stills[0].sha256 });
    }
    expect(await record.head('image', 10)).toHaveLength(1);
    expect(reporter.dropped).toEqual({});
  }));

test('while the record fails nothing is lost and nothing overtakes; then all of it is committed in order', () =>
  withReporter(true, async ({ reporter, record, report, unblock }) => {
    for (let number = 1; number <= 4; number += 1) {
      report(changeOf(`F-${number}`, 'opened', number), frameOf(number));
      report(changeOf(`F-${number}`, 'closed', number));
    }
    await until('the record has failed', () => record.status.condition === 'failed');
    await until('the first still was refused', () => reporter.dropped['still-failed']);
    expect(reporter.waiting).toBe(8);
    await unblock();
    await until('everything is committed', () => reporter.waiting === 0);
    const alerts = await alertsOf(record);
    expect(alerts.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(alerts.map(({ finding }) => finding)).toEqual([
      'F-1',
      'F-1',
      'F-2',
      'F-2',
      'F-3',
      'F-3',
      'F-4',
      'F-4',
    ]);
    expect((await record.findings({ limit: 10 })).every(({ closedAt }) => closedAt !== null)).toBe(true);
  }));

test('a stop while the record fails gives up in time, and counts what is given up', () =>
  withReporter(true, async ({ reporter, report }) => {
    for (let number = 1; number <= 3; number += 1) report(changeOf(`F-${number}`, 'opened'));
    await reporter.flush(200);
    await until('all three were given up', () => reporter.dropped['uncommitted-at-stop'] === 3);
    expect(reporter.waiting).toBe(0);
  }));

test('pixels that wait for a failing disk are bounded: the finding stays, its still is counted as gone', () =>
  withReporter(true, async ({ reporter, record, report, unblock }) => {
    for (let number = 1; number <= 40; number += 1)
      report(changeOf(`F-${number}`, 'opened', number), frameOf(number));
    await unblock();
    await until('everything is committed', () => reporter.waiting === 0);
    expect(reporter.dropped['peak-pixels-gone']).toBe(24);
    expect(await alertsOf(record)).toHaveLength(40);
  }));

test('one report that cannot be told does not hold up those behind it', () =>
  withReporter(false, async ({ reporter, record, report }) => {
    const broken = changeOf('F-1', 'opened');
    report({ ...broken, at: { monoMs: 0, utcMs: Number.NaN } }, frameOf(7));
    report(changeOf('F-2', 'opened'), frameOf(7));
    await reporter.flush(10_000);
    expect(reporter.dropped).toEqual({ 'report-faulty': 1 });
    expect((await alertsOf(record)).map(({ finding }) => finding)).toEqual(['F-2']);
  }));

test('a finding that a crash interrupted keeps the proof that the dead boot had saved', () =>
  withReporter(false, async ({ reporter, record, report }) => {
    report(changeOf('F-1', 'opened'), frameOf(7));
    await reporter.flush(10_000);
    const heir = new FindingReporter({ record, topics, clock: systemClock, log: silentLog() });
    const closed = changeOf('F-1', 'closed');
    heir.report({ ...closed, finding: { ...closed.finding, closeReason: 'interrupted' } }, null, {
      vehicle: 'rov-1',
      boot: 'b2',
      sequence: 1,
      clockQuality: 'unset',
    });
    await heir.flush(10_000);
    const [opened, interrupted] = await alertsOf(record);
    expect(interrupted.evidence).toEqual(opened.evidence);
    expect(interrupted.evidence).not.toBeNull();
    expect(heir.dropped).toEqual({});
  }));

const FOUND: Located = {
  box: { left: 0.5, top: 0.25, width: 0.25, height: 0.5 },
  map: { area: { left: 0, top: 0, width: 1, height: 1 }, columns: 1, rows: 1, values: [1] },
  reason: null,
};

test('an alert does not wait for the box: the next one, the record and the image have it', () => {
  let found: (located: Located) => void = () => undefined;
  const locate: Locate = () =>
    new Promise((resolve) => {
      found = resolve;
    });
  return withReporter(
    false,
    async ({ reporter, record, report }) => {
      report(changeOf('f1', 'opened'), frameOf(7));
      await until('1 alerts', async () => (await alertsOf(record)).length === 1);
      expect((await alertsOf(record))[0]).toMatchObject({ box: null, boxReason: 'pending' });
      expect(await record.head('image', 10)).toHaveLength(0);
      found(FOUND);
      await until('an image', async () => (await record.head('image', 10)).length === 1);
      report(changeOf('f1', 'closed'));
      await until('2 alerts', async () => (await alertsOf(record)).length === 2);
      expect((await alertsOf(record))[1]).toMatchObject({ phase: 'closed', box: FOUND.box, boxReason: null });
      const [finding] = await record.findings({ limit: 1 });
      expect(finding?.peak.box).toEqual(FOUND.box);
      await reporter.flush(5_000);
      expect(reporter.dropped).toEqual({});
    },
    locate,
  );
});

test('a finding that closes before it is found has its box in the record all the same', () => {
  let found: (located: Located) => void = () => undefined;
  const locate: Locate = () =>
    new Promise((resolve) => {
      found = resolve;
    });
  return withReporter(
    false,
    async ({ record, report }) => {
      report(changeOf('f1', 'opened'), frameOf(7));
      report(changeOf('f1', 'closed'));
      await until('2 alerts', async () => (await alertsOf(record)).length === 2);
      expect((await alertsOf(record))[1]).toMatchObject({ box: null, boxReason: 'no-time' });
      found(FOUND);
      await until('a box', async () => (await record.findings({ limit: 1 }))[0]?.peak.box !== undefined);
    },
    locate,
  );
});

test('a stop does not wait for a search: the image comes without a mark', () =>
  withReporter(
    false,
    async ({ reporter, record, report }) => {
      report(changeOf('f1', 'opened'), frameOf(7));
      await reporter.flush(30_000);
      expect(await record.head('image', 10)).toHaveLength(1);
      expect(reporter.dropped).toEqual({});
    },
    () => new Promise(() => undefined),
  ));

test('the tile of a bundle that looks at tiles is in the first alert', () =>
  withReporter(false, async ({ reporter, record, report }) => {
    const { finding, ...change } = changeOf('f1', 'opened');
    const box = { left: 2 / 3, top: 0.5, width: 1 / 3, height: 0.5 };
    report({ ...change, finding: { ...finding, peak: { ...finding.peak, box } } }, frameOf(7));
    await reporter.flush(5_000);
    expect((await alertsOf(record))[0]).toMatchObject({ box, boxReason: null });
  }));

test('a peak that rises while an earlier one is looked for is looked for next, and only the newest', () => {
  const asked: { sequence: number; answer: (located: Located) => void }[] = [];
  const locate: Locate = ({ sequence }) =>
    new Promise((resolve) => {
      asked.push({ sequence, answer: resolve });
    });
  return withReporter(
    false,
    async ({ reporter, record, report }) => {
      report(changeOf('f1', 'opened'), frameOf(7));
      await until('the first search', () => asked.length === 1);
      for (const sequence of [8, 9, 10]) {
        reporter.peakRose(changeOf('f1', 'updated', sequence).finding, frameOf(sequence));
      }
      asked[0].answer({ box: null, map: null, reason: 'diffuse' });
      await until('the second search', () => asked.length === 2);
      asked[1].answer(FOUND);
      await until('an image', async () => (await record.head('image', 10)).length === 1);
      report(changeOf('f1', 'closed', 10), frameOf(10));
      await until('2 alerts', async () => (await alertsOf(record)).length === 2);
      expect((await alertsOf(record))[1]).toMatchObject({ phase: 'closed', box: FOUND.box, boxReason: null });
      await until('the second image', async () => (await record.head('image', 10)).length === 2);
      expect(asked.map(({ sequence }) => sequence)).toEqual([7, 10]);
    },
    locate,
  );
});

test('a closed finding is forgotten, also when its peak rose while it was looked for and nobody draws what is found', () => {
  const asked: ((located: Located) => void)[] = [];
  const locate: Locate = () =>
    new Promise((resolve) => {
      asked.push(resolve);
    });
  return withReporter(
    false,
    async ({ reporter, report }) => {
      const opened = changeOf('F-1', 'opened', 7);
      report(opened, frameOf(7));
      await until('it is looked for', () => asked.length === 1);
      const risen = changeOf('F-1', 'updated', 8).finding;
      reporter.peakRose(risen, frameOf(8));
      // Its pixels are gone by now: no still, and nobody who waits for the second search.
      report(changeOf('F-1', 'closed', 8));
      await until('it is committed', () => reporter.waiting === 0);
      asked[0]?.(FOUND);
      await until('the next search begins', () => asked.length === 2);
      expect(reporter.remembered).toBe(1);
      asked[1]?.(FOUND);
      await until('nothing is left of it', () => reporter.remembered === 0);
    },
    locate,
  );
});
