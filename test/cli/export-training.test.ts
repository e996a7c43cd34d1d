import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Finding } from '../../src/domain/finding.ts';
import type { DefectClass } from '../../src/domain/verdict.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { nodeFiles } from '../../src/platform/files.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openBlackBox } from '../../src/record/black-box.ts';
import { readRecord } from '../../src/record/read-record.ts';
import { readClassFolders } from '../../src/training/class-folders.ts';
import { readGroupList } from '../../src/training/group-list.ts';
import { drawJpeg, type Scene } from '../fixtures/pictures.ts';
import { at, jpegFrame, sampleFinding, sampleRun } from '../record/samples.ts';
import { specta } from './specta.ts';
import { workshop } from './workshop.ts';

const folder = workshop();

interface Staged {
  readonly id: string;
  readonly defect: DefectClass;
  readonly run: string;
  readonly scene: Scene;
  readonly fromMs: number;
  readonly toMs: number;
  readonly box?: Finding['peak']['box'];
}

/** A real record with findings, each with a still of its peak in the middle of its time. */
async function recordOf(name: string, staged: readonly Staged[]): Promise<string> {
  const root = join(folder, name);
  const box = await openBlackBox({ folder: root, boot: 'b', log: silentLog(), clock: systemClock });
  for (const run of new Set(staged.map((each) => each.run))) await box.startRun(sampleRun(run));
  for (const [index, { id, defect, run, scene, fromMs, toMs, box: where }] of staged.entries()) {
    const capturedAt = at((fromMs + toMs) / 2);
    const frame = { ...jpegFrame(drawJpeg(scene, { seed: index + 1 }), index + 1), capturedAt };
    const peak = {
      frame: { sequence: frame.sequence, capturedAt, source: 'replay' },
      probability: 0.9,
      ...(where && { box: where }),
    };
    const finding = sampleFinding(id, run, { defect, openedAt: at(fromMs), lastSeenAt: at(toMs), peak });
    const evidence = await box.saveStill({ findingId: id, runId: run, frame, peakProbability: 0.9 });
    await box.commit({ finding, evidence, messages: [] });
  }
  await box.close();
  return root;
}

async function reviewFile(name: string, said: Readonly<Record<string, string>>): Promise<string> {
  const file = join(folder, name);
  const line = ([finding, review]: [string, string]): string =>
    JSON.stringify({ finding, review, reviewed: { at: 'then', by: 'A. Sari', note: 'a weld, seen twice' } });
  await writeFile(file, Object.entries(said).map(line).join('\n'));
  return file;
}

const STAGED: readonly Staged[] = [
  {
    id: 'F-1',
    defect: 'crack',
    run: 'R-1',
    scene: 'crack',
    fromMs: 1_000,
    toMs: 2_000,
    box: { left: 0.25, top: 0.1, width: 0.25, height: 0.8 },
  },
  { id: 'F-2', defect: 'crack', run: 'R-1', scene: 'sound', fromMs: 5_000, toMs: 6_000 },
  { id: 'F-3', defect: 'corrosion', run: 'R-2', scene: 'rust', fromMs: 1_000, toMs: 2_000 },
  // Seen while F-3 was.
  { id: 'F-4', defect: 'crack', run: 'R-2', scene: 'crack-in-rust', fromMs: 1_200, toMs: 1_600 },
  { id: 'F-5', defect: 'corrosion', run: 'R-2', scene: 'rust', fromMs: 9_000, toMs: 9_500 },
];

test('reviewed findings become class folders that training reads, with groups, boxes and digests', async () => {
  const record = await recordOf('record-1', STAGED);
  const reviews = await reviewFile('reviews-1', {
    'F-1': 'confirmed',
    'F-2': 'rejected',
    'F-3': 'confirmed',
    'F-4': 'confirmed',
  });
  const out = join(folder, 'field-1');
  const ended = await specta([
    'export-training',
    '--record',
    record,
    '--reviews',
    reviews,
    '--out',
    out,
    '--json',
  ]);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(ended.stdout)).toEqual({
    folder: out,
    counts: { corrosion: 0, crack: 3, intact: 1 },
    passedOver: { 'not reviewed': 1 },
    leftOut: [],
  });

  const groups = await readGroupList(join(out, 'manifest.csv'));
  const { samples, unreadable } = await readClassFolders(out, {
    size: { width: 64, height: 64 },
    together: [],
    groups,
  });
  expect(unreadable).toEqual([]);
  const told = samples.map(({ group, source, defects }) => [group, source, [...defects].sort().join('+')]);
  expect(told.sort()).toEqual([
    ['R-1', 'field-rov-1', ''],
    ['R-1', 'field-rov-1', 'crack'],
    ['R-2', 'field-rov-1', 'corrosion+crack'],
    ['R-2', 'field-rov-1', 'corrosion+crack'],
  ]);
  const boxed = samples.filter(({ boxes }) => boxes);
  expect(boxed).toHaveLength(1);
  expect(boxed[0].boxes?.[0]).toMatchObject({
    defect: 'crack',
    left: 0.25,
    top: 0.1,
    width: 0.25,
    height: 0.8,
  });
  const exported = JSON.parse(await readFile(join(out, 'export.json'), 'utf8'));
  expect(exported.pictures).toHaveLength(4);
  expect(exported.pictures[0]).toMatchObject({
    finding: 'F-1',
    review: { said: 'confirmed', by: 'A. Sari', note: 'a weld, seen twice' },
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });

  // Once more: refused, and what is there stays as it was.
  const again = await specta(['export-training', '--record', record, '--reviews', reviews, '--out', out]);
  expect(again.status).toBe(65);
  expect(again.stderr).toMatch(/there already.*DATA_INVALID/s);
  expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('who else is in the picture must be known: an unreviewed finding beside a reviewed one passes both over', async () => {
  const record = await recordOf('record-2', STAGED.slice(2, 4));
  const reviews = await reviewFile('reviews-2', { 'F-4': 'rejected' });
  const out = join(folder, 'field-2');
  const ended = await specta(['export-training', '--record', record, '--reviews', reviews, '--out', out]);
  expect(ended.status).toBe(65);
  expect(ended.stderr).toMatch(/No picture of a reviewed finding/);
  expect(await readdir(folder)).not.toContain('field-2');
});

test('a picture that was changed since is left out and named', async () => {
  const record = await recordOf('record-3', STAGED.slice(0, 2));
  const reader = readRecord(nodeFiles, record);
  const [kept] = reader.evidenceOf('F-2');
  reader.close();
  await writeFile(join(record, kept?.file ?? ''), drawJpeg('rust'));
  const reviews = await reviewFile('reviews-3', { 'F-1': 'confirmed', 'F-2': 'rejected' });
  const out = join(folder, 'field-3');
  const ended = await specta(['export-training', '--record', record, '--reviews', reviews, '--out', out]);
  expect(ended.status).toBe(2);
  expect(ended.stderr).toMatch(/left out: F-2: its bytes are not those that were kept/);
  expect(await readdir(out)).toEqual(['crack', 'export.json', 'manifest.csv']);
});

test('reviews that the record keeps with its alerts are used, the newest of each finding', async () => {
  const record = await recordOf('record-4', STAGED.slice(0, 2));
  // As the record's schema 2 has it.
  const db = new DatabaseSync(join(record, 'black-box.db'));
  db.exec(`CREATE TABLE IF NOT EXISTS alerts (id INTEGER PRIMARY KEY AUTOINCREMENT, outbox INTEGER NOT NULL,
    run TEXT NOT NULL, finding TEXT NOT NULL, newest INTEGER NOT NULL, topic TEXT NOT NULL, content_type TEXT NOT NULL,
    payload BLOB NOT NULL, bytes INTEGER NOT NULL, boot TEXT NOT NULL, committed_utc_ms REAL NOT NULL,
    committed_mono_ms REAL NOT NULL) STRICT`);
  const insert = db.prepare(
    "INSERT INTO alerts (outbox, run, finding, newest, topic, content_type, payload, bytes, boot, committed_utc_ms, committed_mono_ms) VALUES (1, 'R-1', ?, ?, 't', 'application/json', ?, 1, 'b', 1, 1)",
  );
  const tell = (finding: string, newest: number, review: string): void => {
    insert.run(finding, newest, new TextEncoder().encode(JSON.stringify({ finding, review })));
  };
  tell('F-1', 0, 'rejected');
  tell('F-1', 1, 'confirmed');
  tell('F-2', 1, 'unreviewed');
  db.close();
  const out = join(folder, 'field-4');
  const ended = await specta(['export-training', '--record', record, '--out', out]);
  expect(ended).toMatchObject({ status: 0, stderr: '' });
  expect(ended.stdout).toMatch(/0 corrosion, 1 crack, 0 intact/);
});

test('a folder without a record, and no record named, are told apart', async () => {
  const out = join(folder, 'field-5');
  const none = await specta(['export-training', '--record', folder, '--out', out]);
  expect(none.status).toBe(65);
  expect(none.stderr).toMatch(/There is no record at .*DATA_INVALID/s);
  const unnamed = await specta(['export-training', '--out', out]);
  expect(unnamed.status).toBe(64);
});
