import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ChardevLine } from '../../src/light/gpio/chardev.ts';
import { chipPaths, findChip } from '../../src/light/gpio/find-line.ts';
import { lookAtLine } from '../../src/light/gpio/look-at-line.ts';
import { createLight } from '../../src/light/light.ts';
import { DEFAULT_LIGHT_POLICY } from '../../src/light/policy.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { loadLibc } from '../../src/platform/libc.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'specta-chardev-'));
  folders.push(made);
  return made;
}

function failureOf(chip: string): { message: string; help: string; reason: string } {
  const line = new ChardevLine({ chip, line: 'RELAY', activeLow: false });
  try {
    line.open(true);
  } catch (error) {
    const { code, message, help } = error as { code: string; message: string; help: string };
    expect(code).toBe('LIGHT_FAILED');
    expect(line.state.kind).toBe('failed');
    const reason = line.state.kind === 'failed' ? line.state.reason : '';
    line.close(false);
    expect(line.state).toEqual({ kind: 'closed' });
    return { message, help, reason };
  }
  throw new Error('It should have failed.');
}

test('a chip that is not there, or is none, is told by its path and what it is', () => {
  expect(failureOf('/dev/gpiochip99').message).toBe('The GPIO chip /dev/gpiochip99 is not there.');
  expect(failureOf('/dev/null')).toMatchObject({
    message: 'The GPIO chip /dev/null is no GPIO chip.',
    reason: 'The GPIO chip /dev/null is no GPIO chip.',
  });
  const file = join(folder(), 'file');
  writeFileSync(file, 'no chip');
  expect(failureOf(file).message).toBe(`The GPIO chip ${file} is no GPIO chip.`);
  expect(failureOf('/').message).toMatch(/is no GPIO chip/);
});

test('the path of a pipe does not hang the light', () => {
  const pipe = join(folder(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect(failureOf(pipe).message).toMatch(/is no GPIO chip/);
});

test('chips are looked for in the order of their numbers', () => {
  const dev = folder();
  for (const name of ['gpiochip10', 'gpiochip2', 'gpiochip0', 'gpiochipx', 'gpio', 'null'])
    writeFileSync(join(dev, name), '');
  expect(chipPaths(dev)).toEqual(['gpiochip0', 'gpiochip2', 'gpiochip10'].map((name) => join(dev, name)));
});

test('without any chip the name that was looked for is told, and with unreadable ones why', () => {
  const libc = loadLibc();
  expect(() => findChip(libc, 'tegra234-gpio', [])).toThrow(/no GPIO chip here.*tegra234-gpio/);
  expect(() => findChip(libc, 'tegra234-gpio', ['/dev/null', '/dev/gpiochip99'])).toThrow(
    expect.objectContaining({ code: 'LIGHT_FAILED', message: 'The GPIO chip /dev/null is no GPIO chip.' }),
  );
});

test('a light on a missing chip says so, tries again, and leaves no descriptor open', async () => {
  const clock = new ManualClock();
  const light = createLight(
    new ChardevLine({ chip: '/dev/null', line: 3, activeLow: true }),
    DEFAULT_LIGHT_POLICY,
    clock,
  );
  const before = readdirSync('/proc/self/fd').length;
  light.start();
  expect(light.status).toMatchObject({
    condition: 'recovering',
    reason: expect.stringContaining('/dev/null'),
  });
  await clock.advance(3_600_000);
  expect(light.status.condition).toBe('recovering');
  light.stop();
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

test('looking at a line that is not there says so as taking it would', () => {
  const address = { chip: '/dev/null', line: 0, activeLow: false } as const;
  expect(() => lookAtLine({ kind: 'chardev', ...address })).toThrow(/is no GPIO chip/);
  expect(() => lookAtLine({ kind: 'sysfs', ...address })).toThrow(
    expect.objectContaining({ code: 'LIGHT_FAILED', help: expect.stringContaining('chardev') }),
  );
  expect(lookAtLine({ kind: 'simulated' }).heldBy).toBeNull();
});
