import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SpectaError } from '../../src/platform/errors.ts';
import { diskError, type FileSystem, nodeFiles } from '../../src/platform/files.ts';
import type { EvidenceRef } from '../../src/record/evidence.ts';
import { DEFAULT_LIMITS, type RecordLimits } from '../../src/record/limits.ts';
import type { OutboxMessage, Stamp } from '../../src/record/message.ts';
import { Recorder } from '../../src/record/recorder.ts';
import { jpegFrame, newFolder, sampleFinding, sampleJpeg, sampleMessage } from './samples.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);
const stampAt = (ms: number, boot = 'b1'): Stamp => ({ boot, utcMs: NOW + ms, monoMs: ms });
const caption = { title: 'T', lines: [], tone: 'neutral' } as const;

/** The record without its thread, so that time and disk are the test's. */
class Stage {
  readonly folder: string;
  readonly recorder: Recorder;
  private number = 0;

  constructor(folder: string, fs: FileSystem = nodeFiles) {
    this.folder = folder;
    this.recorder = new Recorder(fs);
  }

  async open(limits: Partial<RecordLimits>, stamp = stampAt(0)): Promise<this> {
    const body = { folder: this.folder, session: 's', limits: { ...DEFAULT_LIMITS, ...limits }, sweep: true };
    await this.recorder.handle('open', body, stamp);
    return this;
  }

  private key(): { session: string; number: number; answeredBelow: number } {
    this.number++;
    return { session: 's', number: this.number, answeredBelow: this.number };
  }

  commit(messages: readonly OutboxMessage[], stamp: Stamp, evidence: EvidenceRef | null = null) {
    const finding = sampleFinding('f', 'r');
    return this.recorder.handle('commit', { key: this.key(), finding, evidence, messages }, stamp);
  }

  async still(jpeg: Uint8Array<ArrayBuffer>, sequence: number, stamp: Stamp): Promise<EvidenceRef> {
    const frame = jpegFrame(jpeg, sequence);
    const of = { findingId: 'f', runId: 'r', sequence, capturedUtcMs: stamp.utcMs, probability: 0.9 };
    const clean = await this.recorder.handle('still', { ...of, frame }, stamp);
    await this.commit([], stamp, clean);
    return clean;
  }

  annotate(evidence: EvidenceRef, stamp: Stamp): Promise<EvidenceRef> {
    return this.recorder.handle('annotate', { key: this.key(), evidence, caption, topic: 't' }, stamp);
  }

  async texts(lane: 'alert' | 'run' | 'image'): Promise<string[]> {
    const entries = await this.recorder.handle('head', { lane, limit: 999, afterId: 0 }, stampAt(0));
    return entries.map((entry) => new TextDecoder().decode(entry.payload));
  }

  tick(stamp: Stamp) {
    return this.recorder.handle('tick', { probe: false }, stamp);
  }

  evidence() {
    return this.recorder.handle('evidence', { findingId: 'f' }, stampAt(0));
  }

  depth() {
    const { depth } = this.recorder.report();
    if (depth === null) throw new Error('the record is not open');
    return depth;
  }

  close() {
    return this.recorder.handle('close', {}, stampAt(0));
  }
}

test('an outbox over its bytes gives up images first, then runs, then alerts, each oldest first', async () => {
  const stage = await new Stage(await newFolder()).open({ outboxBytes: 1_000 });
  const hundred = (text: string, lane: OutboxMessage['lane']) => sampleMessage(text.padEnd(100, '.'), lane);
  const all = ['a1', 'a2', 'a3', 'a4'].map((text) => hundred(text, 'alert'));
  const lower = [hundred('i1', 'image'), hundred('r1', 'run'), hundred('i2', 'image'), hundred('r2', 'run')];
  await stage.commit([...all, ...lower], stampAt(1));
  expect(stage.depth().bytes).toBe(800);
  await stage.commit([hundred('a5', 'alert'), hundred('a6', 'alert'), hundred('a7', 'alert')], stampAt(2));
  expect(await stage.texts('image')).toMatchObject([expect.stringMatching(/^i2/)]);
  await stage.commit(
    ['a8', 'a9', 'b1', 'b2', 'b3'].map((text) => hundred(text, 'alert')),
    stampAt(3),
  );
  expect(await stage.texts('run')).toEqual([]);
  expect((await stage.texts('alert')).map((text) => text.slice(0, 2))).toEqual([
    'a3',
    'a4',
    'a5',
    'a6',
    'a7',
    'a8',
    'a9',
    'b1',
    'b2',
    'b3',
  ]);
  expect(stage.depth()).toMatchObject({
    bytes: 1_000,
    waiting: { alert: 10, run: 0, image: 0 },
    dropped: { 'image-over-limit': 2, 'run-over-limit': 2, 'alert-over-limit': 2 },
  });
  await stage.close();
});

test('messages go after their age: by the monotonic clock in their boot, by UTC after it', async () => {
  const folder = await newFolder();
  let stage = await new Stage(folder).open({ outboxAgeMs: 10 * DAY });
  await stage.commit([sampleMessage('old')], stampAt(0));
  await stage.commit([sampleMessage('new')], stampAt(8 * DAY));
  // The wall clock leaps by years, the monotonic one does not: nothing is old.
  await stage.tick({ boot: 'b1', utcMs: NOW + 4_000 * DAY, monoMs: 9 * DAY });
  expect(await stage.texts('alert')).toEqual(['old', 'new']);
  await stage.tick(stampAt(11 * DAY));
  expect(await stage.texts('alert')).toEqual(['new']);
  await stage.close();
  // Another boot without a set clock: nothing is known of ages.
  stage = await new Stage(folder).open({ outboxAgeMs: 10 * DAY }, { boot: 'b2', utcMs: 1_000, monoMs: 0 });
  await stage.tick({ boot: 'b2', utcMs: 90 * DAY, monoMs: 90 * DAY });
  expect(await stage.texts('alert')).toEqual(['new']);
  await stage.tick({ boot: 'b2', utcMs: NOW + 30 * DAY, monoMs: 91 * DAY });
  expect(await stage.texts('alert')).toEqual([]);
  expect(stage.depth().dropped).toEqual({ 'alert-expired': 2 });
  expect(await stage.recorder.handle('findings', { limit: 9 }, stampAt(0))).toHaveLength(1);
  await stage.close();
});

test('stills over their bytes or age go oldest first with the image that would send them; the index says so', async () => {
  const stage = await new Stage(await newFolder()).open({
    stillBytes: 30_000,
    reserveBytes: 0,
    stillAgeMs: DAY,
  });
  const jpeg = await sampleJpeg(320, 180);
  const stills: EvidenceRef[] = [];
  for (let i = 0; i < 4; i++) {
    const clean = await stage.still(jpeg, i, stampAt(i));
    stills.push(clean, await stage.annotate(clean, stampAt(i)));
  }
  const kept = (await stage.evidence()).filter((still) => still.dropped === null);
  const bytes = kept.reduce((sum, still) => sum + still.bytes, 0);
  expect(bytes).toBeLessThanOrEqual(30_000);
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.map((still) => still.file)).toEqual(stills.slice(-kept.length).map((still) => still.file));
  const annotatedKept = kept.filter((still) => still.kind === 'annotated').length;
  expect(stage.depth().waiting.image).toBe(annotatedKept);
  const gone = stills[0]?.file ?? '';
  await expect(stat(join(stage.folder, gone))).rejects.toMatchObject({ code: 'ENOENT' });
  await stage.tick(stampAt(2 * DAY));
  expect((await stage.evidence()).every((still) => still.dropped !== null)).toBe(true);
  expect(stage.depth().waiting.image).toBe(0);
  // A later step of the finding names its still again: that does not call it back.
  await stage.commit([], stampAt(2 * DAY), stills.at(-2) ?? null);
  expect((await stage.evidence()).every((still) => still.dropped !== null)).toBe(true);
  await stage.close();
});

test('on a full disk the oldest stills make room for the newest, and are told of once there is room', async () => {
  let full = 0;
  const fs: FileSystem = {
    ...nodeFiles,
    writeFile(path, bytes) {
      if (full === 0) return nodeFiles.writeFile(path, bytes);
      return Promise.reject(new SpectaError('DISK_FULL', 'no space', 'free some'));
    },
    remove(path) {
      if (full > 0 && !path.endsWith('.tmp')) full--;
      return nodeFiles.remove(path);
    },
  };
  const stage = await new Stage(await newFolder(), fs).open({ reserveBytes: 0 });
  const jpeg = await sampleJpeg(64, 64);
  for (let i = 0; i < 12; i++) await stage.still(jpeg, i, stampAt(i));
  full = 5;
  await stage.still(jpeg, 99, stampAt(20));
  await stage.tick(stampAt(21));
  const evidence = await stage.evidence();
  const dropped = evidence.filter((still) => still.dropped === 'disk-full').map((still) => still.sequence);
  expect(dropped).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(evidence.at(-1)).toMatchObject({ sequence: 99, dropped: null });
  expect(stage.depth().dropped).toEqual({ 'still-disk-full': 8 });
  await stage.close();
});

test('a picture on a bad spot of the disk is given up, counted, and holds none back; any other failure is told', async () => {
  let code: string | null = null;
  const fs: FileSystem = {
    ...nodeFiles,
    readFile(path) {
      if (code === null || !path.includes('f-1-')) return nodeFiles.readFile(path);
      return Promise.reject(diskError(Object.assign(new Error('read'), { code }), 'read', path));
    },
  };
  const stage = await new Stage(await newFolder(), fs).open({ reserveBytes: 0 });
  for (const sequence of [1, 2]) {
    const clean = await stage.still(await sampleJpeg(64, 60 + sequence), sequence, stampAt(sequence));
    await stage.annotate(clean, stampAt(sequence));
  }
  code = 'EMFILE';
  await expect(stage.texts('image')).rejects.toMatchObject({ code: 'DISK_FAILED' });
  expect(stage.depth().waiting.image).toBe(2);
  code = 'EIO';
  expect(await stage.texts('image')).toHaveLength(1);
  expect(stage.depth()).toMatchObject({ waiting: { image: 1 }, dropped: { 'image-unreadable': 1 } });
  await stage.close();
});

test('with too little free no picture is written, alerts are; the tick says when there is room again', async () => {
  let free = 1_000;
  const fs: FileSystem = { ...nodeFiles, freeBytes: async () => free };
  const stage = await new Stage(await newFolder(), fs).open({ reserveBytes: 10_000 });
  const jpeg = await sampleJpeg(64, 64);
  await expect(stage.still(jpeg, 1, stampAt(1))).rejects.toMatchObject({ code: 'DISK_FULL' });
  await stage.commit([sampleMessage('a')], stampAt(2));
  expect(await stage.recorder.handle('tick', { probe: true }, stampAt(3))).toMatchObject({
    noRoom: expect.stringContaining('free'),
  });
  free = 20_000;
  expect(await stage.recorder.handle('tick', { probe: true }, stampAt(4))).toEqual({ noRoom: null });
  await stage.still(jpeg, 1, stampAt(5));
  expect(await stage.texts('alert')).toEqual(['a']);
  await stage.close();
});

test('a request given twice is carried out once', async () => {
  const stage = await new Stage(await newFolder()).open({});
  const order = {
    key: { session: 's', number: 1, answeredBelow: 1 },
    finding: sampleFinding('f', 'r'),
    evidence: null,
    messages: [sampleMessage('x'), sampleMessage('y')],
  };
  const first = await stage.recorder.handle('commit', order, stampAt(1));
  await stage.recorder.handle('settle', { entry: first[0] }, stampAt(2));
  expect(await stage.recorder.handle('commit', order, stampAt(3))).toEqual(first);
  expect(await stage.texts('alert')).toEqual(['y']);
  await stage.close();
});
