import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NODE_OPTIONS } from '../../src/platform/node-options.ts';

const folder = join(import.meta.dirname, '../../systemd');
const unit = readFileSync(join(folder, 'specta.service'), 'utf8');
const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'specta-unit-'));
});
afterEach(() => rmSync(work, { recursive: true }));

function analyze(...args: string[]): { status: number | null; text: string } {
  // As the installer lays it out on a Jetson whose light is driven through sysfs: a frame, and drop-ins.
  const file = join(work, 'specta.service');
  copyFileSync(join(folder, 'frame.service'), file);
  mkdirSync(`${file}.d`, { recursive: true });
  for (const name of ['jetson.conf', 'sysfs-gpio.conf'])
    copyFileSync(join(folder, name), join(`${file}.d`, name));
  // systemd asks whether the programs are there; the installer's test proves that of their real places.
  const programs = /\/opt\/specta\/current\/(bin\/node|systemd\/\S+\.sh)/g;
  writeFileSync(join(`${file}.d`, '10-release.conf'), unit.replaceAll(programs, '/bin/true'));
  const { status, stdout, stderr } = spawnSync('systemd-analyze', [...args, file], { encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}

describe.skipIf(!hasAnalyze)(
  `systemd reads the unit${hasAnalyze ? '' : ' (not here: install systemd)'}`,
  () => {
    test('without a complaint', () => {
      expect(analyze('verify', '--man=no')).toEqual({ status: 0, text: '' });
    });

    test('and finds its exposure at 2.0 or below', () => {
      const { text } = analyze('security', '--offline=true', '--no-pager', '--threshold=20');
      const [, level = ''] = /Overall exposure level for specta\.service: ([0-9.]+)/.exec(text) ?? [];
      expect(Number(level)).toBeGreaterThan(0);
      expect(Number(level)).toBeLessThanOrEqual(2);
    });
  },
);

test('the unit forbids nothing that Node needs, and names its Node by the full path', () => {
  expect(unit).not.toMatch(/^MemoryDenyWriteExecute=yes/m);
  expect(unit).toMatch(/^SystemCallErrorNumber=EPERM$/m);
  expect(unit).toMatch(/^SystemCallFilter=.*@pkey/m);
  expect(unit).toMatch(/^ExecStart=\/opt\/specta\/current\/bin\/node /m);
});

test('Node is started with the options that every Node of SPECTA has', () => {
  const starts = unit.split('\n').filter((line) => /^Exec\w+=.*\/main\.ts/.test(line));
  expect(starts).toHaveLength(2);
  for (const line of starts) expect(line).toContain(`/bin/node ${NODE_OPTIONS.join(' ')} /opt/`);
  // Plain JavaScript, which cannot read them from where they are told.
  const command = readFileSync(join(folder, '../scripts/specta.mjs'), 'utf8');
  expect(command).toContain(`[${NODE_OPTIONS.map((option) => `'${option}'`).join(', ')}]`);
});

test('a model on trial that the kernel ends for its memory does not take the daemon along', () => {
  expect(unit).toMatch(/^OOMPolicy=continue$/m);
});

describe('the pause before a restart', () => {
  /** Runs one step. @returns seconds that it would have slept */
  function step(name: 'before' | 'after', environment: Record<string, string> = {}): number {
    writeFileSync(join(work, 'sleep'), '#!/bin/sh\necho "slept $1"\n', { mode: 0o755 });
    const { status, stdout, stderr } = spawnSync('sh', [join(folder, 'growing-pause.sh'), name], {
      encoding: 'utf8',
      env: { PATH: `${work}:${process.env.PATH}`, RUNTIME_DIRECTORY: work, ...environment },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return Number(/slept (\d+)/.exec(stdout)?.[1] ?? 0);
  }
  const fail = (environment: Record<string, string> = {}): void => {
    step('after', { SERVICE_RESULT: 'watchdog', ...environment });
  };

  test('grows with each failure up to a minute', () => {
    const pauses: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      pauses.push(step('before'));
      fail();
    }
    expect(pauses).toEqual([0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
  });

  test('begins anew after an orderly stop, and after a long run', () => {
    for (let i = 0; i < 5; i += 1) {
      step('before');
      fail();
    }
    step('after', { SERVICE_RESULT: 'success' });
    expect(step('before')).toBe(0);
    fail();
    fail();
    fail();
    expect(step('before')).toBe(2);
    fail({ SPECTA_STEADY_SECONDS: '-10' });
    expect(step('before')).toBe(0);
  });

  test.each(['', 'x', '3', '99 ', '- -', '1 2 3'])('a count that cannot be read is none: %j', (text) => {
    writeFileSync(join(work, 'restarts'), text);
    expect(step('before')).toBeLessThanOrEqual(60);
    fail();
    expect(step('before')).toBeLessThanOrEqual(60);
  });
});
