import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lastExport } from '../../src/doctor/last-export.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { createLog } from '../../src/platform/log.ts';
import { openBlackBox } from '../../src/record/black-box.ts';
import { sampleFinding, sampleRun } from '../record/sample-values.ts';
import { expectedError, specta } from './specta.ts';

const work = mkdtempSync(join(tmpdir(), 'specta-report-'));
const state = join(work, 'state');
afterAll(() => rmSync(work, { recursive: true, force: true }));

beforeAll(async () => {
  const folder = join(state, 'record');
  const record = await openBlackBox({ folder, boot: 'b', log: createLog('silent'), clock: systemClock });
  for (const run of ['R-1', 'R-2']) {
    await record.startRun(sampleRun(run));
    await record.commit({ finding: sampleFinding(`F-${run}`, run), messages: [] });
  }
  await record.close();
});

test('report writes a page that report verify believes, until it is changed', async () => {
  const out = join(work, 'out');
  const made = await specta(['report', 'latest', '--state', state, '--out', out]);
  expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('R-2: 1 finding, 0 pictures') });
  const page = join(out, 'report.html');
  expect(await specta(['report', 'verify', page, '--json'])).toMatchObject({
    status: 0,
    stdout: '{"checked":1,"mismatches":[]}\n',
  });
  writeFileSync(page, readFileSync(page, 'utf8').replace('crack', 'creak'));
  expect(await specta(['report', 'verify', out])).toMatchObject({
    status: 65,
    stderr: 'report.html: its digest differs\n',
  });
});

test('export says when the stick is safe, and predive hears of it once every run is out', async () => {
  const stick = mkdtempSync(join(work, 'stick-'));
  const one = await specta(['export', 'R-1', '--state', state, '--to', stick]);
  expect(one).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/Not exported yet: R-2\..*safe to remove/s),
  });
  expect(lastExport(state)).toBeNull();
  const all = await specta(['export', 'all', '--state', state, '--to', stick]);
  expect(all.stdout).not.toContain('Not exported');
  expect(lastExport(state)).toMatch(/^20\d\d-/);
  expect(readdirSync(stick)).toEqual(['specta-rov-1-R-1', 'specta-rov-1-R-2']);
});

test('what cannot be is told', async () => {
  const wrong = await specta(['report', 'R-9', '--state', state, '--out', work]);
  expect(wrong).toMatchObject({ status: 65, stderr: expect.stringMatching(expectedError('DATA_INVALID')) });
  const nowhere = await specta(['export', 'all', '--state', state, '--to', join(work, 'no-stick')]);
  expect(nowhere).toMatchObject({ status: 64, stderr: expect.stringMatching(expectedError('USAGE')) });
  const none = await specta(['report', 'latest', '--state', work, '--out', work]);
  expect(none).toMatchObject({ status: 65, stderr: expect.stringMatching(expectedError('DATA_INVALID')) });
});
