import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contentOf, expectedError, specta } from './specta.ts';
import { place, workshop } from './workshop.ts';

const folder = workshop();
const state = join(folder, 'state');

/** Runs the daemon with this configuration; it must end by itself and leave no trace. */
async function refused(text: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  place(folder, { 'specta.yaml': text });
  const before = contentOf(folder);
  const { status, stdout, stderr } = await specta(['run', '--config', join(folder, 'specta.yaml')], { env });
  expect(status).toBe(78);
  expect(stdout).toBe('');
  expect(contentOf(folder)).toEqual(before);
  return stderr;
}

const GOOD = `stateFolder: ${state}\ncamera:\n  uri: replay:${folder}\n`;

test('every mistake is told at once, unknown keys with the name that was probably meant', async () => {
  const stderr = await refused(
    `${GOOD}vehicle: "two words"
lght:
  onCrack: latch
engine:
  threads: none
surface:
  broker: vessel
  protcol: 5
`,
  );
  expect(stderr).toMatch(expectedError('CONFIG_INVALID'));
  expect(stderr).toContain('has 5 mistakes:');
  expect(stderr).toContain('- vehicle: ');
  expect(stderr).toContain('- lght: unknown key; did you mean light?');
  expect(stderr).toContain('- engine.threads: ');
  expect(stderr).toContain('- surface.broker: ');
  expect(stderr).toContain('- surface.protcol: unknown key; did you mean surface.protocol?');
});

test('text that is no YAML is told with line and column', async () => {
  const stderr = await refused(`${GOOD}engine: {threads: 2\nlight: [}`);
  expect(stderr).toMatch(expectedError('CONFIG_INVALID'));
  expect(stderr).toMatch(/- line \d+, column \d+: /);
});

test('a list, a word and an empty file are no configuration', async () => {
  for (const text of ['- a\n- b\n', 'hello\n', '']) {
    expect(await refused(text)).toMatch(expectedError('CONFIG_INVALID'));
  }
});

test('environment variables are held to the same rules', async () => {
  const env = { SPECTA_ENGINE_THREADS: 'three', SPECTA_CAMERA_URL: 'replay:x' };
  const stderr = await refused(GOOD, env);
  expect(stderr).toContain('- engine.threads: ');
  expect(stderr).toContain(
    '- SPECTA_CAMERA_URL: unknown environment variable; did you mean SPECTA_CAMERA_URI?',
  );
});

test('a camera that no build knows', async () => {
  expect(await refused(GOOD.replace('replay:', 'carrier-pigeon:'))).toMatch(
    expectedError('CAMERA_URI_INVALID'),
  );
  expect(existsSync(state)).toBe(false);
});

test('a control socket with a path that no socket can have', async () => {
  const text = `${GOOD}\ncontrol: { socket: /tmp/${'long-'.repeat(30)} }\n`;
  expect(await refused(text)).toContain('control.socket: expected at most 107 bytes');
  expect(await refused(`${GOOD}\ncontrol: { socket: here.sock }\n`)).toContain(
    'control.socket: expected an absolute path',
  );
});

test('a configuration that is not there, is a folder, or is not named', async () => {
  mkdirSync(join(folder, 'folder.yaml'));
  const [gone, isFolder, unnamed] = await Promise.all([
    specta(['run', '--config', join(folder, 'gone.yaml')]),
    specta(['run', '--config', join(folder, 'folder.yaml')]),
    specta(['run']),
  ]);
  for (const { status, stderr } of [gone, isFolder]) {
    expect(stderr).toMatch(expectedError('CONFIG_UNREADABLE'));
    expect(status).toBe(78);
  }
  expect(unnamed.stderr).toMatch(expectedError('USAGE'));
  expect(unnamed.status).toBe(64);
  expect(existsSync(state)).toBe(false);
});
