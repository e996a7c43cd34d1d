import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { PartStatus } from '../../src/domain/status.ts';
import { ManualClock, systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Caption } from '../../src/record/annotate.ts';
import { type BlackBox, type BlackBoxOptions, openBlackBox } from '../../src/record/black-box.ts';
import type { EvidenceRef } from '../../src/record/evidence.ts';
import { spawnRecordWorker } from '../../src/record/record-thread.ts';
import { at, jpegFrame, newFolder, sampleFinding, sampleJpeg, sampleMessage, sampleRun } from './samples.ts';

const caption: Caption = { title: 'CRACK 97 %', lines: ['Look again.'], tone: 'crack' };

async function openIn(folder: string, changes: Partial<BlackBoxOptions> = {}): Promise<BlackBox> {
  return openBlackBox({ folder, boot: 'boot-1', log: silentLog(), clock: systemClock, ...changes });
}

async function texts(box: BlackBox): Promise<string[]> {
  return (await box.head('alert', 1_000)).map((entry) => new TextDecoder().decode(entry.payload));
}

test('a commit survives closing and opening: finding, evidence and messages in their order', async () => {
  const folder = await newFolder();
  const box = await openIn(folder);
  const frame = jpegFrame(await sampleJpeg(320, 180));
  const evidence = await box.saveStill({ findingId: 'f1', runId: 'r1', frame, peakProbability: 0.97 });
  const ids = await box.commit({
    finding: sampleFinding('f1', 'r1'),
    evidence,
    messages: [sampleMessage('one'), sampleMessage('two')],
  });
  await box.commit({
    finding: sampleFinding('f2', 'r1', { detections: 9 }),
    messages: [sampleMessage('three')],
  });
  await box.close();

  const again = await openIn(folder, { boot: 'boot-2' });
  expect(await texts(again)).toEqual(['one', 'two', 'three']);
  const [first] = await again.head('alert', 1);
  expect(first).toMatchObject({ id: ids[0], boot: 'boot-1', attempts: 0, lastReason: null });
  expect((await again.findings({ limit: 9 })).map((finding) => finding.id)).toEqual(['f2', 'f1']);
  expect(await again.findings({ runId: 'r1', limit: 1 })).toEqual([
    sampleFinding('f2', 'r1', { detections: 9 }),
  ]);
  expect(await again.findings({ runId: 'other', limit: 9 })).toEqual([]);
  expect(await again.findings({ since: Date.now() + 60_000, limit: 9 })).toEqual([]);
  expect(await again.evidenceOf('f1')).toMatchObject([{ ...evidence, dropped: null }]);
  expect(again.depth().waiting).toEqual({ alert: 3, run: 0, image: 0 });
  expect(again.status.condition).toBe('ok');
  await again.close();
});

test('a later step of a finding replaces the earlier one', async () => {
  const box = await openIn(await newFolder());
  await box.commit({ finding: sampleFinding('f1', 'r1'), messages: [] });
  const closed = sampleFinding('f1', 'r1', { closedAt: at(50), closeReason: 'gone', detections: 40 });
  await box.commit({ finding: closed, messages: [] });
  expect(await box.findings({ limit: 9 })).toEqual([closed]);
  await box.close();
});

test('a still is the camera bytes, digested; its annotated twin waits in the image lane with its own bytes', async () => {
  const folder = await newFolder();
  const box = await openIn(folder);
  const data = await sampleJpeg(640, 480);
  const frame = jpegFrame(data);
  const evidence = await box.saveStill({ findingId: 'f/1', runId: '../r', frame, peakProbability: 0.9 });
  expect(data.byteLength).toBeGreaterThan(0);
  expect(evidence.file).toMatch(/^stills\/[^/]+\/[^/]+\.jpg$/);
  const kept = await readFile(join(folder, evidence.file));
  expect(Buffer.compare(kept, Buffer.from(data))).toBe(0);
  expect(evidence).toMatchObject({
    sha256: createHash('sha256').update(data).digest('hex'),
    bytes: data.byteLength,
    width: 640,
    height: 480,
    kind: 'clean',
  });
  await box.commit({ finding: sampleFinding('f/1', '../r'), evidence, messages: [sampleMessage('a')] });
  const drawn = await box.annotate({ evidence, caption, topic: 'specta/rov-1/alerts/f1/image' });
  const [entry] = await box.head('image', 5);
  expect(entry).toMatchObject({ topic: 'specta/rov-1/alerts/f1/image', contentType: 'image/jpeg' });
  expect(createHash('sha256').update(entry.payload).digest('hex')).toBe(drawn.sha256);
  expect(drawn).toMatchObject({ kind: 'annotated', width: 640, findingId: 'f/1' });
  expect((await box.evidenceOf('f/1')).map((still) => still.kind)).toEqual(['clean', 'annotated']);
  await box.close();
});

test('an image whose file is gone leaves the outbox, counted', async () => {
  const folder = await newFolder();
  const box = await openIn(folder);
  const frame = jpegFrame(await sampleJpeg(64, 64));
  const evidence = await box.saveStill({ findingId: 'f1', runId: 'r1', frame, peakProbability: 0.9 });
  const drawn = await box.annotate({ evidence, caption, topic: 't' });
  await rm(join(folder, drawn.file));
  expect(await box.head('image', 5)).toEqual([]);
  await box.mark(1, null);
  expect(box.depth()).toMatchObject({ waiting: { image: 0 }, bytes: 0, dropped: { 'image-missing': 1 } });
  await box.close();
});

test('images that are gone hide none behind them, however few are asked for', async () => {
  const folder = await newFolder();
  const box = await openIn(folder);
  const drawn: EvidenceRef[] = [];
  for (const [index, findingId] of ['f1', 'f2', 'f3'].entries()) {
    const frame = jpegFrame(await sampleJpeg(64 + index, 64));
    const evidence = await box.saveStill({ findingId, runId: 'r1', frame, peakProbability: 0.9 });
    drawn.push(await box.annotate({ evidence, caption, topic: findingId }));
  }
  for (const { file } of drawn.slice(0, 2)) await rm(join(folder, file));
  expect((await box.head('image', 1)).map(({ topic }) => topic)).toEqual(['f3']);
  expect(await box.head('image', 1, 3)).toEqual([]);
  await box.close();
});

test("somebody else's file among the stills does not keep the record from opening", async () => {
  const folder = await newFolder();
  const box = await openIn(folder);
  const frame = jpegFrame(await sampleJpeg(64, 64));
  const evidence = await box.saveStill({ findingId: 'f1', runId: 'r1', frame, peakProbability: 0.9 });
  await box.commit({ finding: sampleFinding('f1', 'r1'), evidence, messages: [] });
  await box.close();
  await writeFile(join(folder, 'stills/note.txt'), 'of a technician');
  const again = await openIn(folder);
  expect(again.status.condition).toBe('ok');
  expect(await readdir(join(folder, 'stills'))).toEqual(['note.txt', 'r1']);
  await again.close();
});

test('pictures and temporary files without a row are swept at the next start, those with one stay', async () => {
  const folder = await newFolder();
  const box = await openIn(folder);
  const frame = jpegFrame(await sampleJpeg(64, 64));
  const kept = await box.saveStill({ findingId: 'f1', runId: 'r1', frame, peakProbability: 0.9 });
  await box.commit({ finding: sampleFinding('f1', 'r1'), evidence: kept, messages: [] });
  await box.saveStill({ findingId: 'f2', runId: 'r1', frame, peakProbability: 0.9 });
  await box.saveStill({ findingId: 'f3', runId: 'r2', frame, peakProbability: 0.9 });
  await writeFile(join(folder, 'stills/r1/.x.jpg.0123456789ab.tmp'), 'half');
  await box.close();
  const again = await openIn(folder);
  expect(again.counters.get('orphan-swept')).toBe(3);
  expect(await readdir(join(folder, 'stills'))).toEqual(['r1']);
  expect(await readdir(join(folder, 'stills/r1'))).toEqual([kept.file.split('/').at(-1)]);
  await again.close();
});

test('what a run tells the surface is written with it, survives a restart, and keeps its place behind the alerts', async () => {
  const folder = await newFolder();
  const box = await openIn(folder);
  const committed: unknown[] = [];
  box.onCommit((lane, fresh) => committed.push([lane, fresh.length]));
  await box.startRun(sampleRun('r1'), sampleMessage('begins', 'run'));
  // Faster than the disk: the newest tells what those before would have told.
  const words = ['4 s', '8 s', '12 s'];
  const updates = words.map((word) => box.updateRun(sampleRun('r1'), sampleMessage(word, 'run')));
  // One that tells nothing takes nothing of what they tell.
  await Promise.all([...updates, box.updateRun(sampleRun('r1'))]);
  await box.commit({ finding: sampleFinding('f1', 'r1'), messages: [sampleMessage('alert')] });
  await box.endRun(sampleRun('r1', { endedAt: at(9), end: 'requested' }), sampleMessage('ends', 'run'));
  expect(committed).toEqual([
    ['run', 1],
    ['run', 1],
    ['alert', 1],
    ['run', 1],
  ]);
  await box.close();

  const again = await openIn(folder, { boot: 'boot-2' });
  const told = await again.head('run', 9);
  expect(told.map(({ payload }) => new TextDecoder().decode(payload))).toEqual(['begins', '12 s', 'ends']);
  expect(told[0]).toMatchObject({ lane: 'run', boot: 'boot-1', topic: 'specta/rov-1/runs' });
  expect(again.depth().waiting).toEqual({ alert: 1, run: 3, image: 0 });
  expect(await again.unfinished('rov-1')).toEqual([]);
  await again.close();
});

test('runs that nobody fetches are bounded: the oldest go, counted, and no alert with them', async () => {
  const box = await openIn(await newFolder(), { limits: { runMessages: 3 } });
  await box.commit({ finding: sampleFinding('f1', 'r1'), messages: [sampleMessage('alert')] });
  for (const word of ['1', '2', '3', '4', '5'])
    await box.updateRun(sampleRun('r1'), sampleMessage(word, 'run'));
  const told = await box.head('run', 9);
  expect(told.map(({ payload }) => new TextDecoder().decode(payload))).toEqual(['3', '4', '5']);
  expect(box.depth()).toMatchObject({
    waiting: { alert: 1, run: 3 },
    dropped: { 'run-over-limit': 2 },
  });
  await box.close();
});

test('an image is told again from its file: once, not while it waits, not when it is gone', async () => {
  const folder = await newFolder();
  const clock = new ManualClock();
  const box = await openIn(folder, { clock, limits: { outboxAgeMs: 60_000 } });
  const frame = jpegFrame(await sampleJpeg(320, 180));
  const evidence = await box.saveStill({ findingId: 'f1', runId: 'r1', frame, peakProbability: 0.9 });
  await box.commit({ finding: sampleFinding('f1', 'r1'), evidence, messages: [] });
  expect(await box.resendImage('f1', 'again')).toBe('gone');
  await box.annotate({ evidence, caption, topic: 'first' });
  expect(await box.resendImage('f1', 'again')).toBe('waiting');
  const [first] = await box.head('image', 9);
  await box.settle(first?.id ?? 0);
  const lanes: string[] = [];
  box.onCommit((lane) => lanes.push(lane));
  expect(await box.resendImage('f1', 'again')).toBe('queued');
  expect(await box.resendImage('f1', 'again')).toBe('waiting');
  expect(lanes).toEqual(['image']);
  const [again] = await box.head('image', 9);
  expect(again).toMatchObject({ topic: 'again', contentType: 'image/jpeg', boot: 'boot-1' });
  expect(again?.payload).toEqual(first?.payload);
  expect(again?.committedAtUtcMs).toBe(first?.committedAtUtcMs);
  await box.settle(again?.id ?? 0);
  expect(await box.resendImage('nobody', 'again')).toBe('gone');
  await clock.advance(120_000);
  expect(await box.resendImage('f1', 'again')).toBe('gone');
  await box.close();
});

test('an unfinished run is found again with its open findings, within its time and for its vehicle only', async () => {
  const folder = await newFolder();
  const clock = new ManualClock();
  const box = await openIn(folder, { clock });
  await box.startRun(sampleRun('r0', { endedAt: at(5), end: 'requested' }));
  await box.startRun(sampleRun('r1'));
  const coverage = { ...sampleRun('r1').coverage, seenSeconds: 12 };
  await Promise.all([
    box.updateRun(sampleRun('r1', { coverage: { ...coverage, seenSeconds: 4 } })),
    box.updateRun(sampleRun('r1', { coverage: { ...coverage, seenSeconds: 8 } })),
    box.updateRun(sampleRun('r1', { coverage })),
  ]);
  await box.commit({ finding: sampleFinding('f1', 'r1'), messages: [] });
  await box.commit({
    finding: sampleFinding('f2', 'r1', { closedAt: at(9), closeReason: 'gone' }),
    messages: [],
  });
  await box.close();

  const again = await openIn(folder, { clock, boot: 'boot-2' });
  const heard = clock.now().utcMs;
  const found = await again.resumable('rov-1', 60_000, at(heard + 59_000));
  expect(found?.run).toEqual(sampleRun('r1', { coverage }));
  expect(found?.openFindings.map((finding) => finding.id)).toEqual(['f1']);
  expect(found?.lastHeardUtcMs).toBe(heard);
  expect(await again.resumable('rov-1', 60_000, at(heard - 59_000))).not.toBeNull();
  expect(await again.resumable('rov-1', 60_000, at(heard + 61_000))).toBeNull();
  expect(await again.resumable('rov-2', 60_000, at(heard))).toBeNull();
  await again.endRun(sampleRun('r1', { coverage, endedAt: at(99), end: 'interrupted' }));
  expect(await again.resumable('rov-1', 60_000, at(heard))).toBeNull();
  expect(await again.unfinished('rov-1')).toEqual([]);
  expect((await again.runs()).map((run) => [run.id, run.end])).toEqual([
    ['r1', 'interrupted'],
    ['r0', 'requested'],
  ]);
  await again.close();
});

test('too many pictures at once are refused and counted, commits never', async () => {
  const box = await openIn(await newFolder(), { limits: { imageQueue: 2 } });
  const frame = jpegFrame(await sampleJpeg(640, 480));
  const stills = ['f1', 'f2', 'f3', 'f4'].map((findingId) =>
    box.saveStill({ findingId, runId: 'r1', frame, peakProbability: 0.9 }),
  );
  const commits = Array.from({ length: 50 }, (_, i) =>
    box.commit({ finding: sampleFinding(`f${i}`, 'r1'), messages: [sampleMessage(`${i}`)] }),
  );
  const outcomes = await Promise.allSettled(stills);
  expect(outcomes.map((outcome) => outcome.status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'rejected',
  ]);
  expect(outcomes[2]).toMatchObject({ reason: { code: 'RECORD_BUSY' } });
  expect(box.counters.get('record-busy')).toBe(2);
  await Promise.all(commits);
  expect(await texts(box)).toEqual(commits.map((_, i) => `${i}`));
  await box.close();
});

test('a frame that is no image is refused, counted, and says nothing of the disk', async () => {
  const box = await openIn(await newFolder());
  const frame = jpegFrame(new Uint8Array([1, 2, 3]));
  await expect(
    box.saveStill({ findingId: 'f', runId: 'r', frame, peakProbability: 1 }),
  ).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  expect(box.counters.get('image-failed')).toBe(1);
  expect(box.status.condition).toBe('ok');
  await box.close();
});

test('a worker that dies is started again; what it had not answered is given again and counts once', async () => {
  const workers: Worker[] = [];
  const spawn = (): Worker => {
    const worker = spawnRecordWorker();
    workers.push(worker);
    return worker;
  };
  const box = await openIn(await newFolder(), { spawn });
  const statuses: PartStatus[] = [];
  box.onStatus((status) => statuses.push(status));
  const commits: Promise<readonly number[]>[] = [];
  for (let i = 0; i < 60; i++) {
    commits.push(box.commit({ finding: sampleFinding(`f${i}`, 'r1'), messages: [sampleMessage(`${i}`)] }));
    if (i % 20 === 10) {
      // Somewhere in the middle of the work, or just after it.
      if (i === 30) await commits[i - 5];
      await workers.at(-1)?.terminate();
    }
  }
  const ids = (await Promise.all(commits)).flat();
  expect(await texts(box)).toEqual(commits.map((_, i) => `${i}`));
  expect((await box.head('alert', 100)).map((entry) => entry.id)).toEqual(ids);
  expect(box.counters.get('worker-died')).toBeGreaterThan(0);
  expect(statuses.map((status) => status.condition)).toContain('recovering');
  expect(box.status).toMatchObject({ condition: 'ok', reason: null });
  await box.close();
});

test('a worker that cannot even be started is tried again', async () => {
  const workers: Worker[] = [];
  let vain = 0;
  const spawn = (): Worker => {
    if (workers.length === 1 && vain < 2) {
      vain += 1;
      throw new Error('no thread can be had');
    }
    const worker = spawnRecordWorker();
    workers.push(worker);
    return worker;
  };
  const box = await openIn(await newFolder(), { spawn });
  await workers[0]?.terminate();
  await box.enqueue(sampleMessage('all the same'));
  expect(vain).toBe(2);
  expect(box.counters.get('worker-died')).toBe(3);
  expect(await texts(box)).toEqual(['all the same']);
  await box.close();
});

test('a disk that does not answer shows as failed, and as ok once it does', async () => {
  const clock = new ManualClock();
  const held: unknown[] = [];
  let holding = false;
  const spawn = (): Worker => {
    const worker = spawnRecordWorker();
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (letter: unknown, transfer?: never): void => {
      if (holding) held.push(letter);
      else post(letter, transfer);
    };
    return worker;
  };
  let worker: Worker | null = null;
  const box = await openIn(await newFolder(), {
    clock,
    limits: { stuckMs: 5_000 },
    spawn: () => {
      worker = spawn();
      return worker;
    },
  });
  holding = true;
  const commit = box.commit({ finding: sampleFinding('f', 'r'), messages: [sampleMessage('late')] });
  await clock.advance(4_000);
  expect(box.status.condition).toBe('ok');
  await clock.advance(2_000);
  expect(box.status).toMatchObject({ condition: 'failed' });
  expect(box.status.reason).toContain('5 s');
  expect(box.counters.get('stuck')).toBe(1);
  holding = false;
  for (const letter of held) (worker as Worker | null)?.postMessage(letter);
  await commit;
  await clock.advance(2_000);
  expect(box.status.condition).toBe('ok');
  await box.close();
});

test('close flushes what was asked for, may be repeated, and nothing is taken afterwards', async () => {
  const folder = await newFolder();
  const box = await openIn(folder);
  const commit = box.commit({ finding: sampleFinding('f', 'r'), messages: [sampleMessage('last')] });
  const update = box.updateRun(sampleRun('r'));
  await Promise.all([box.close(), box.close()]);
  await commit;
  await update;
  await expect(box.enqueue(sampleMessage('x'))).rejects.toMatchObject({ code: 'RECORD_BUSY' });
  const again = await openIn(folder);
  expect(await texts(again)).toEqual(['last']);
  expect(await again.runs()).toHaveLength(1);
  await again.close();
});

test('opening is given up when aborted, before or under way', async () => {
  const folder = await newFolder();
  await expect(openIn(folder, { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
  const abort = new AbortController();
  const opening = openIn(folder, { signal: abort.signal });
  abort.abort(new Error('never mind'));
  await expect(opening).rejects.toThrow('never mind');
});
