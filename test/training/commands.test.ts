import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = await mkdtemp(join(tmpdir(), 'specta-commands-'));
afterAll(() => rm(root, { recursive: true }));

interface Ended {
  readonly status: number | null;
  readonly said: string;
}

function command(script: string, ...words: string[]): Promise<Ended> {
  const path = fileURLToPath(new URL(`../../scripts/${script}.ts`, import.meta.url));
  const child = spawn(process.execPath, [path, ...words], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, said })));
}

test('what means nothing, or nothing beside the rest, is wrong usage and is said', async () => {
  const out = ['--data', '.', '--out', 'models/x/0.0.1'];
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['train', [...out, '--train-layers', 'last'], /without --init.*\[USAGE\]/s],
    ['train', [...out, '--textures', '.'], /--textures without --render/],
    ['train', [...out, '--tfjs-backend', 'cpu'], /without --trainer tfjs/],
    ['train', [...out, '--validation', '0.5', '--held-out', '0.6'], /leave nothing to train on/],
    ['train', ['--data', '.', '--out', 'x'], /is no place for a bundle/],
    ['train', [...out, '--size', '100000x100000'], /8 to 4096 pixels/],
    ['train', [...out, '--class-weight', 'crack=Infinity'], /number above 0/],
    ['evaluate', ['--data', '.', '--threads', 'many'], /whole number/],
    ['evaluate', [], /no pictures are named.*\[USAGE\]/s],
    ['leave-one-out', ['--data', '.', '--out', 'o', '--threads', '0'], /whole number/],
    ['leave-one-out', ['--data', '.', '--out', 'o', '--held-out', '5'], /between 0 and 1/],
    [
      'leave-one-out',
      ['--data', '.', '--out', 'o', '--sources', 'a', '--inner-epochs', '1'],
      /a single fold/,
    ],
  ];
  for (const [script, words, expected] of cases) {
    const { status, said } = await command(script, ...words);
    expect(said, `${script} ${words.join(' ')}`).toMatch(expected);
    expect([1, 64], said).toContain(status);
    expect(said).not.toMatch(/INTERNAL|^ +at /m);
  }
  expect(existsSync(join(root, 'models'))).toBe(false);
}, 120_000);

test('an evaluation whose place cannot be written ends before the work', async () => {
  await writeFile(join(root, 'taken'), '');
  const { status, said } = await command('evaluate', '--data', 'none', '--out', join('taken', 'page'));
  expect(status, said).toBe(74);
  expect(said).toMatch(/\[DISK_FAILED\]/);
}, 60_000);

test('a run whose truth is none is bad data, not a fault', async () => {
  await mkdir(join(root, 'run'));
  await writeFile(join(root, 'run', 'truth.jsonl'), '{"frame":1}\n');
  const { status, said } = await command('evaluate', '--run', 'run');
  expect(status, said).toBe(65);
  expect(said).toMatch(/line 1 of truth\.jsonl/);
}, 60_000);
