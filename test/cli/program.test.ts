import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EXIT, EXIT_HELP, exitStatusOf } from '../../src/cli/exit-codes.ts';
import { ERROR_CODES } from '../../src/platform/errors.ts';
import { expectedError, ROOT, specta } from './specta.ts';
import { workshop } from './workshop.ts';

workshop();
const COMMANDS = [
  'run',
  'status',
  'light',
  'snapshot',
  'request',
  'demo',
  'classify',
  'watch',
  'doctor',
  'predive',
  'report',
  'export',
  'bench',
  'compare',
];
const SUBCOMMANDS = [
  'run start',
  'run stop',
  'light test',
  'light acknowledge',
  'light status',
  'light safe',
  'report verify',
];
const documented = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8');

test('--help tells every command and exit status; --version tells the version', async () => {
  const [help, version] = await Promise.all([specta(['--help']), specta(['--version'])]);
  expect(help.status).toBe(0);
  for (const command of COMMANDS) expect(help.stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  for (const status of Object.values(EXIT)) expect(help.stdout).toMatch(new RegExp(`^ {2}${status} `, 'm'));
  expect(help.stdout).toContain(EXIT_HELP);
  const { version: wanted } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(version.stdout.trim()).toBe(wanted);
});

test('each command has help with examples and exit status, and docs/cli.md knows each of its options', async () => {
  const all = [...COMMANDS, ...SUBCOMMANDS];
  for (const command of all) {
    const { status, stdout } = await specta([...command.split(' '), '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: specta ${command}`);
    expect(stdout).toMatch(/^Examples:\n {2}\$ /m);
    expect(stdout).toMatch(/^Exit status: /m);
    const chapter = documented.split(/^## /m).find((text) => text.startsWith(`specta ${command}\n`));
    const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option);
    for (const option of options.filter((each) => each !== '--help'))
      expect(chapter, `${command} ${option}`).toContain(`\`${option}`);
    const inText = [...(chapter ?? '').matchAll(/^\| `(--[\w-]+)/gm)].map(([, option]) => option);
    expect(inText.sort()).toEqual(options.filter((each) => each !== '--help').sort());
  }
});

test('docs/cli.md lists every error code with the exit status it gives', () => {
  const rows = [...documented.matchAll(/^\| (\d+) \| .*$/gm)];
  for (const code of ERROR_CODES) {
    const row = rows.find(([line]) => line.includes(`\`${code}\``));
    expect(row?.[1], code).toBe(String(exitStatusOf(code)));
  }
});

test('words that mean nothing are told with the nearest that do', async () => {
  const [command, nothing] = await Promise.all([specta(['dmo']), specta([])]);
  expect(command.stderr).toMatch(expectedError('USAGE'));
  expect(command.stderr).toContain('Did you mean demo?');
  expect(command.status).toBe(64);
  expect(nothing.stderr).toContain('Usage: specta');
  expect(nothing.status).toBe(64);
});
