import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { until } from '../scenarios/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'specta-usb-'));
afterAll(() => rmSync(folder, { recursive: true }));
const inbox = join(folder, 'inbox');
const stick = join(folder, 'stick');
const SCRIPT = resolve(import.meta.dirname, '../../device/usb/specta-usb.sh');

function plugIn(environment: Readonly<Record<string, string>> = {}): Promise<number | null> {
  const child = spawn('sh', [SCRIPT, '/dev/none'], {
    stdio: 'ignore',
    env: {
      PATH: process.env.PATH,
      SPECTA_INBOX: inbox,
      SPECTA_STICK: stick,
      SPECTA_USER: userInfo().username,
      SPECTA_WAIT: '60',
      SPECTA_SPARE: '0',
      ...environment,
    },
  });
  return new Promise((settle) => child.once('close', settle));
}

const answer = (name: string): string => readFileSync(join(stick, `${name}.result.txt`), 'utf8');

test('a stick: its models go into the inbox whole, the answers come back, odd names stay where they are', async () => {
  mkdirSync(stick);
  writeFileSync(join(stick, 'a-1.0.0.spectamodel'), 'a model');
  writeFileSync(join(stick, 'b; reboot.spectamodel'), 'not a name');
  writeFileSync(join(stick, 'notes.txt'), 'not a model');
  symlinkSync('/etc/passwd', join(stick, 'link.spectamodel'));
  const first = plugIn();
  await until('it is in the inbox', () => existsSync(join(inbox, 'a-1.0.0.spectamodel')));
  expect(readFileSync(join(inbox, 'a-1.0.0.spectamodel'), 'utf8')).toBe('a model');
  // As the daemon does: first that it is on trial, then how that ended.
  writeFileSync(join(inbox, 'a-1.0.0.spectamodel.result.txt'), 'WAIT\non trial\n');
  writeFileSync(join(inbox, 'a-1.0.0.spectamodel.result.txt'), 'NO\nit disagrees\n');
  expect(await first).toBe(0);
  expect(answer('a-1.0.0.spectamodel')).toBe('NO\nit disagrees\n');

  // The same stick again: the same answer at once. Another content: a new one.
  rmSync(join(stick, 'a-1.0.0.spectamodel.result.txt'));
  expect(await plugIn()).toBe(0);
  expect(answer('a-1.0.0.spectamodel')).toBe('NO\nit disagrees\n');
  writeFileSync(join(stick, 'a-1.0.0.spectamodel'), 'another model');
  const third = plugIn();
  await until('it is exchanged', () => !readdirSync(inbox).includes('a-1.0.0.spectamodel.result.txt'));
  await until(
    'it is whole',
    () => readFileSync(join(inbox, 'a-1.0.0.spectamodel'), 'utf8') === 'another model',
  );
  writeFileSync(join(inbox, 'a-1.0.0.spectamodel.result.txt'), 'YES\nin use\n');
  expect(await third).toBe(0);
  expect(answer('a-1.0.0.spectamodel')).toBe('YES\nin use\n');
}, 60_000);

test('what was left half copied goes, and a disk without room takes nothing', async () => {
  mkdirSync(inbox, { recursive: true });
  mkdirSync(stick, { recursive: true });
  const [left, begun] = [join(inbox, '.pulled-out.part'), join(inbox, '.another-stick.part')];
  for (const path of [left, begun]) writeFileSync(path, 'half');
  const twoHoursAgo = Date.now() / 1000 - 7_200;
  utimesSync(left, twoHoursAgo, twoHoursAgo);
  writeFileSync(join(stick, 'large-1.0.0.spectamodel'), 'a model for which there is no room');
  for (const name of readdirSync(stick).filter((each) => each.startsWith('a-'))) rmSync(join(stick, name));
  expect(await plugIn({ SPECTA_SPARE: '1000000000000000000' })).toBe(0);
  expect(existsSync(join(inbox, 'large-1.0.0.spectamodel'))).toBe(false);
  expect(existsSync(left)).toBe(false);
  expect(existsSync(begun)).toBe(true);
}, 60_000);

test('a copy that fails in the middle leaves no half model behind', async () => {
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  writeFileSync(join(programs, 'sync'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  writeFileSync(join(stick, 'cut-1.0.0.spectamodel'), 'a model');
  expect(await plugIn({ PATH: `${programs}:${process.env.PATH}` })).not.toBe(0);
  expect(readdirSync(inbox).filter((name) => name.includes('cut-1.0.0'))).toEqual([]);
}, 60_000);
