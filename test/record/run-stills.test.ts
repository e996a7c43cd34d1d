import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openBlackBox } from '../../src/record/black-box.ts';
import { stillsOfRun } from '../../src/record/run-stills.ts';
import { jpegFrame, newFolder, sampleFinding, sampleJpeg, sampleRun } from './samples.ts';

test('the pictures of a run, read beside the daemon that holds the record; an unknown run names those there are', async () => {
  const folder = await newFolder();
  const box = await openBlackBox({ folder, boot: 'boot-1', log: silentLog(), clock: systemClock });
  await box.startRun(sampleRun('r1'));
  const frame = jpegFrame(await sampleJpeg(320, 180));
  const evidence = await box.saveStill({ findingId: 'f1', runId: 'r1', frame, peakProbability: 0.9 });
  await box.commit({ finding: sampleFinding('f1', 'r1'), evidence, messages: [] });
  expect(stillsOfRun(folder, 'r1')).toEqual([join(folder, evidence.file)]);
  // One that a limit has removed is none of them.
  const other = jpegFrame(await sampleJpeg(320, 181), 8);
  const removed = await box.saveStill({ findingId: 'f1', runId: 'r1', frame: other, peakProbability: 0.9 });
  await box.commit({ finding: sampleFinding('f1', 'r1'), evidence: removed, messages: [] });
  expect(stillsOfRun(folder, 'r1')).toHaveLength(2);
  await box.close();
  await rm(join(folder, removed.file));
  await using again = await openBlackBox({ folder, boot: 'boot-2', log: silentLog(), clock: systemClock });
  expect(again.counters.get('still-missing')).toBe(1);
  expect(stillsOfRun(folder, 'r1')).toEqual([join(folder, evidence.file)]);
  expect(() => stillsOfRun(folder, 'r2')).toThrow(/knows no run r2\. The newest: r1\./);
});
