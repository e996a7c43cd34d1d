import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { shootFilm } from '../scenarios/film.ts';
import { expectedError, specta } from './specta.ts';
import { place, workshop } from './workshop.ts';

const folder = workshop();
const at = (...names: string[]): string => join(folder, ...names);
const CODES = { a: at('a'), b: at('b') };

beforeAll(async () => {
  // B sees rust everywhere.
  await Promise.all([makeTinyBundle(CODES.a), makeTinyBundle(CODES.b, 0.95)]);
  await shootFilm(at('run'), [
    ['sound', 3],
    ['rust', 2],
    ['dark', 1],
  ]);
});

test('two models over a folder of frames: counted, and pictured where they differ', async () => {
  const ended = await specta(['compare', CODES.a, CODES.b, '--run', at('run'), '--out', at('out'), '--json']);
  expect(ended.stderr).toBe('');
  expect(ended.status).toBe(0);
  const found = JSON.parse(ended.stdout) as { unlike: { file: string }[] };
  expect(found).toMatchObject({
    frames: 6,
    alike: 3,
    blind: { a: 1, b: 1 },
    table: { intact: { corrosion: 3 }, corrosion: { corrosion: 2 }, blind: { blind: 1 } },
  });
  expect(found.unlike.every(({ file }) => file.includes('sound'))).toBe(true);
  expect(JSON.parse(readFileSync(at('out', 'compare.json'), 'utf8'))).toEqual(found);
  const page = readFileSync(at('out', 'compare.html'), 'utf8');
  expect(page.match(/<img /g)).toHaveLength(3);
  // Nothing is fetched, nothing is run.
  expect(page).not.toMatch(/<script|https?:/);
});

test('the same model twice never differs; a file that is no picture is named and not counted', async () => {
  place(at('mixed'), { 'a.jpg': readFileSync(at('run', '00001-sound.jpg')), 'b.jpg': 'no picture' });
  const ended = await specta(['compare', CODES.a, CODES.a, '--run', at('mixed'), '--out', at('same')]);
  expect(ended.stdout).toMatch(/^1 frame: 1 alike, 0 not/m);
  expect(ended.stderr).toContain('b.jpg');
  expect(ended.status).toBe(2);
  expect(readFileSync(at('same', 'compare.html'), 'utf8')).toContain('They never differ.');
});

test('no frames at all is an error', async () => {
  place(at('empty'), {});
  const config = at('vehicle.yaml');
  place(folder, {
    'vehicle.yaml': JSON.stringify({ stateFolder: at('state'), camera: { uri: `replay:${folder}` } }),
  });
  const ended = await specta(['compare', CODES.a, CODES.b, '--run', 'R-unknown', '--config', config]);
  expect(ended.stderr).toMatch(expectedError('DISK_FAILED'));
});
