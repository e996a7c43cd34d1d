import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import {
  crackInRustPicture,
  crackPicture,
  darkPicture,
  rustPicture,
  soundPicture,
} from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { badPictures } from './bad-pictures.ts';
import { contentOf, jsonLines, ROOT, specta } from './specta.ts';
import { place, workshop } from './workshop.ts';

const folder = workshop();
const model = ['--model', join(folder, 'tiny')];

beforeAll(async () => {
  await makeTinyBundle(join(folder, 'tiny'));
});

test('one JSON object a line, with exactly the promised keys, for files and folders', async () => {
  const deep = place(join(folder, 'good'), {
    'crack-2.jpg': crackPicture({ seed: 2 }),
    'crack-10.jpg': crackPicture({ seed: 3 }),
    'rust.jpg': rustPicture(),
    'both.jpg': crackInRustPicture(),
    'notes.txt': Buffer.from('no picture'),
    '.hidden.jpg': Buffer.from('no picture'),
  });
  place(join(folder, 'good/deeper'), {
    'sound.png': await sharp(soundPicture()).png().toBuffer(),
    'dark.jpg': darkPicture(),
  });
  const before = contentOf(folder);
  const { status, stdout, stderr } = await specta([
    'classify',
    deep,
    join(deep, 'rust.jpg'),
    '--json',
    ...model,
  ]);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const lines = jsonLines(stdout);
  for (const line of lines) {
    expect(Object.keys(line)).toEqual(['file', 'label', 'probabilities', 'blind', 'ms']);
    expect(line.ms).toBeTypeOf('number');
  }
  expect(lines.map(({ file, label, blind }) => [file, label, blind])).toEqual([
    [join(deep, 'both.jpg'), 'crack', null],
    [join(deep, 'crack-2.jpg'), 'crack', null],
    [join(deep, 'crack-10.jpg'), 'crack', null],
    [join(deep, 'deeper/dark.jpg'), null, 'dark'],
    [join(deep, 'deeper/sound.png'), 'intact', null],
    [join(deep, 'rust.jpg'), 'corrosion', null],
    [join(deep, 'rust.jpg'), 'corrosion', null],
  ]);
  expect(Object.keys(lines[0].probabilities as object).sort()).toEqual(['corrosion', 'crack', 'intact']);
  expect(contentOf(folder)).toEqual(before);
});

test('every bad picture gives its own code, the others are judged, and the status is 2', async () => {
  const bad = await badPictures();
  const files = Object.fromEntries(Object.entries(bad).map(([name, { bytes }]) => [name, bytes]));
  const path = place(join(folder, 'bad'), {
    ...files,
    'good.jpg': crackPicture(),
    'png-by-content.jpg': await sharp(soundPicture()).png().toBuffer(),
  });
  const before = contentOf(folder);
  const { status, stdout } = await specta(['classify', path, '--json', ...model]);
  expect(status).toBe(2);
  const lines = jsonLines(stdout);
  const codes = Object.fromEntries(
    lines
      .filter((line) => 'error' in line)
      .map(({ file, error }) => [String(file).slice(path.length + 1), error]),
  );
  expect(codes).toEqual(Object.fromEntries(Object.entries(bad).map(([name, { code }]) => [name, code])));
  for (const line of lines.filter((each) => 'error' in each))
    expect(Object.keys(line)).toEqual(['file', 'error']);
  expect(lines.filter((line) => 'label' in line).map(({ label }) => label)).toEqual(['crack', 'intact']);
  expect(contentOf(folder)).toEqual(before);
});

test('for people each bad file has its code, what happened and what to do', async () => {
  const path = place(join(folder, 'bad-words'), {
    'half.jpg': crackPicture().subarray(0, 900),
    'good.jpg': crackPicture(),
  });
  const { status, stdout, stderr } = await specta(['classify', path, ...model]);
  expect(status).toBe(2);
  expect(stdout).toMatch(/^IMAGE_TRUNCATED +\S+half\.jpg {2}.+\. .+\.$/m);
  expect(stdout).toMatch(/^crack +\S+good\.jpg/m);
  expect(stderr).toBe('2 pictures: 1 crack, 1 unreadable\n');
});

test('names that lead nowhere: missing, a path through a file, an empty folder, a circle, a device', async () => {
  const path = place(join(folder, 'nowhere'), { 'a.jpg': crackPicture() });
  mkdirSync(join(path, 'empty'));
  symlinkSync('circle', join(path, 'circle'));
  const names = ['gone.jpg', 'gone', 'a.jpg/below', 'empty', 'circle'].map((name) => join(path, name));
  const { status, stdout } = await specta([
    'classify',
    ...names,
    '/dev/null',
    join(path, 'a.jpg'),
    '--json',
    ...model,
  ]);
  expect(status).toBe(2);
  expect(jsonLines(stdout).map(({ error, label }) => error ?? label)).toEqual([
    'IMAGE_UNREADABLE',
    'FOLDER_UNREADABLE',
    'FOLDER_UNREADABLE',
    'FOLDER_EMPTY',
    'FOLDER_UNREADABLE',
    'IMAGE_UNSUPPORTED',
    'crack',
  ]);
});

test('--annotate writes each picture with its words, under names of their own, and leaves the pictures alone', async () => {
  const one = place(join(folder, 'ann/one'), { 'weld.jpg': crackPicture() });
  const two = place(join(folder, 'ann/two'), { 'weld.jpg': soundPicture() });
  const before = contentOf(join(folder, 'ann'));
  const out = join(folder, 'drawn/deep');
  const { status } = await specta(['classify', one, two, '--json', '--annotate', out, ...model]);
  expect(status).toBe(0);
  expect(Object.keys(contentOf(out))).toEqual(['1-weld.annotated.jpg', '2-weld.annotated.jpg']);
  const { width, height } = await sharp(join(out, '1-weld.annotated.jpg')).metadata();
  expect(width).toBe(320);
  expect(height).toBeGreaterThan(240);
  expect(contentOf(join(folder, 'ann'))).toEqual(before);
});

test('a place for annotated pictures that is none ends the command before it judges', async () => {
  const path = place(join(folder, 'ann-bad'), { 'weld.jpg': crackPicture() });
  const { status, stdout, stderr } = await specta([
    'classify',
    path,
    '--annotate',
    join(path, 'weld.jpg/below'),
    ...model,
  ]);
  expect(status).toBe(74);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^error Cannot create .+\n.+\. \[DISK_FAILED\]$/m);
});

test('a full disk under the output is told, with its own code and status', async () => {
  if (!existsSync('/dev/full')) return;
  const path = place(join(folder, 'full'), { 'weld.jpg': crackPicture() });
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = await specta(['classify', path, '--json', ...model], { stdout: full });
    expect(stderr).toMatch(/\[DISK_FULL\]/);
    expect(status).toBe(74);
  } finally {
    closeSync(full);
  }
});

test('a reader that goes away ends the command without a word', async () => {
  const path = place(join(folder, 'pipe'), {
    ...Object.fromEntries(Array.from({ length: 60 }, (_, seed) => [`${seed}.jpg`, crackPicture({ seed })])),
  });
  const words = [process.execPath, join(ROOT, 'src/main.ts'), 'classify', path, '--json', ...model];
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const shell = spawn('bash', ['-c', `${quoted} | head -n 2; exit "\${PIPESTATUS[0]}"`], { cwd: ROOT });
  let stdout = '';
  let stderr = '';
  shell.stdout.on('data', (text) => {
    stdout += String(text);
  });
  shell.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const status = await new Promise((resolve) => shell.once('close', resolve));
  expect(stderr).toBe('');
  expect(status).toBe(141);
  expect(jsonLines(stdout)).toHaveLength(2);
});

test('wrong words and a provider that is not there', async () => {
  const path = place(join(folder, 'words'), { 'weld.jpg': crackPicture() });
  const [threads, option, provider] = await Promise.all([
    specta(['classify', path, '--threads', 'many', ...model]),
    specta(['classify', path, '--jsn', ...model]),
    specta(['classify', path, '--provider', 'cuda', ...model]),
  ]);
  expect(threads.status).toBe(64);
  expect(threads.stderr).toMatch(/--threads many .+\n.+\. \[USAGE\]/);
  expect(option.status).toBe(64);
  expect(option.stderr).toMatch(/unknown option '--jsn' \(Did you mean --json\?\)\n.+\. \[USAGE\]/);
  expect(provider.status).toBe(69);
  expect(provider.stderr).toMatch(/There is: cpu.*\n.+\. \[PROVIDER_ABSENT\]/);
});
