import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { planRun } from '../../src/footage/plan-run.ts';
import { renderRun, renderStills } from '../../src/footage/render-run.ts';
import { readFinishedRun, readTruth } from '../../src/footage/run-folder.ts';
import { parseSimulation } from '../../src/footage/simulation.ts';
import { SMALL_RUN } from './pixels.ts';

let parent: string;
let folder: string;
const plan = planRun({ ...SMALL_RUN, seconds: 1, width: 96, height: 64 });

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'specta-footage-'));
  folder = join(parent, 'run');
});
afterEach(async () => {
  await rm(parent, { recursive: true, force: true });
});

test('a run is written whole, with the truth in the order of its frames, whatever the number of threads', async () => {
  const steps: number[] = [];
  const record = await renderRun(plan, folder, { workers: 2, onProgress: (done) => steps.push(done) });
  expect(steps).toEqual([1, 2]);
  expect((await readdir(folder)).sort()).toEqual([
    'frame-000001.jpg',
    'frame-000002.jpg',
    'run.json',
    'truth.jsonl',
  ]);
  expect((await readTruth(folder)).map((truth) => truth.file)).toEqual(
    [1, 2].map((n) => `frame-00000${n}.jpg`),
  );
  expect(await readFinishedRun(folder)).toEqual(record);
  const single = join(parent, 'single');
  await renderRun(plan, single, { workers: 1 });
  for (const name of await readdir(folder))
    expect(Buffer.compare(await readFile(join(folder, name)), await readFile(join(single, name))), name).toBe(
      0,
    );
});

test('a finished run is used again, a half-written one is rendered anew', async () => {
  await renderRun(plan, folder, { workers: 1 });
  const first = join(folder, 'frame-000001.jpg');
  const before = await stat(first);
  await renderRun(plan, folder, { workers: 1 });
  expect((await stat(first)).mtimeMs).toBe(before.mtimeMs);

  await truncate(first, 10);
  expect(await readFinishedRun(folder)).toBe(null);
  await renderRun(plan, folder, { workers: 1 });
  expect((await stat(first)).size).toBe(before.size);

  await rm(join(folder, 'run.json'));
  expect(await readFinishedRun(folder)).toBe(null);
  await renderRun(plan, folder, { workers: 1 });
  expect(await readFinishedRun(folder)).not.toBe(null);
  expect(await readdir(parent)).toEqual(['run']);
});

test('other files and other runs are never replaced', async () => {
  await renderRun(plan, folder, { workers: 1 });
  await expect(renderRun({ ...plan, seed: 99 }, folder)).rejects.toMatchObject({ code: 'USAGE' });
  await writeFile(join(parent, 'mine.txt'), 'keep');
  await expect(renderRun(plan, parent)).rejects.toMatchObject({ code: 'USAGE' });
  expect((await readdir(parent)).sort()).toEqual(['mine.txt', 'run']);
});

test('aborting stops and leaves nothing', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const long = planRun({ ...SMALL_RUN, seconds: 600 });
  const rendering = renderRun(long, folder, {
    workers: 2,
    signal: stop.signal,
    onProgress: () => stop.abort(reason),
  });
  await expect(rendering).rejects.toBe(reason);
  expect(await readdir(parent)).toEqual([]);
});

test('aborting before the threads have started starts none', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const endless = planRun({ ...SMALL_RUN, seconds: 36_000 });
  const rendering = renderRun(endless, folder, { workers: 1, signal: stop.signal });
  stop.abort(reason);
  await expect(rendering).rejects.toBe(reason);
  expect(await readdir(parent)).toEqual([]);
});

test('what a dead process left beside the folder is swept', async () => {
  // No process has this number: it is beyond what Linux gives out.
  const orphan = `${folder}.part-99999999-abcd`;
  await renderStills({ seed: 1, count: 1, width: 64, height: 64 }, orphan, { workers: 1 });
  await renderRun(plan, folder, { workers: 1 });
  expect(await readdir(parent)).toEqual(['run']);
});

test('the command line is read, and each mistake named', () => {
  expect(parseSimulation(['--help'])).toBe('help');
  expect(parseSimulation(['--out', 'd', '--seed', '4', '--size', '320x200', '--defects', 'many'])).toEqual({
    out: 'd',
    workers: null,
    what: {
      kind: 'run',
      options: { seed: 4, width: 320, height: 200, defects: 'many', seconds: 30, rate: 10 },
    },
  });
  expect(parseSimulation(['--out', 'd', '--stills', '9'])).toMatchObject({
    what: { kind: 'stills', options: { count: 9 } },
  });
  for (const words of [
    [],
    ['--out', 'd', '--size', '320'],
    ['--out', 'd', '--seed', 'x'],
    ['--out', 'd', '--defects', 'lots'],
    ['--out', 'd', '--frobnicate'],
    ['--out', 'd', '--workers', '0'],
  ])
    expect(() => parseSimulation(words), words.join(' ')).toThrow(expect.objectContaining({ code: 'USAGE' }));
});
