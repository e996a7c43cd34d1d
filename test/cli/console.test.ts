import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startLocalBroker } from '../../src/surface/local-broker.ts';
import { expectedError, specta, startSpecta } from './specta.ts';
import { place, workshop } from './workshop.ts';

const folder = workshop();

test('the page is served, also before the broker is there, until Ctrl-C; one console to a history', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  const words = ['console', '--broker', broker.url, '--folder', join(folder, 'kept')];
  const running = startSpecta([...words, '--listen', '127.0.0.1:0']);
  await running.until(/The console is at http:\/\/127\.0\.0\.1:\d+;/);
  const second = await specta([...words, '--listen', '127.0.0.1:0']);
  expect(second.stderr).toMatch(expectedError('RECORD_BUSY'));
  expect(second.status).toBe(74);
  const away = startSpecta([
    ...['console', '--broker', 'mqtt://127.0.0.1:9', '--folder', join(folder, 'away')],
    ...['--listen', '127.0.0.1:0'],
  ]);
  await away.until(/The console is at/);
  for (const { child } of [running, away]) child.kill('SIGINT');
  const { status, stdout } = await running.ended;
  expect(status).toBe(0);
  expect((await away.ended).status).toBe(0);
  expect(stdout).toContain(`broker ${broker.url}`);
});

test('it does not open itself to the network without a password and TLS', async () => {
  place(folder, { password: 'sea bed\n', empty: '\n' });
  const kept = ['--folder', join(folder, 'open')];
  const cases = [
    { words: ['--listen', '0.0.0.0:0'], code: 'CONFIG_INVALID', status: 78 },
    {
      words: ['--listen', '0.0.0.0:0', '--password-file', join(folder, 'password')],
      code: 'CONFIG_INVALID',
      status: 78,
    },
    { words: ['--password-file', join(folder, 'empty')], code: 'CONFIG_INVALID', status: 78 },
    { words: ['--password-file', join(folder, 'gone')], code: 'CONFIG_UNREADABLE', status: 78 },
    { words: ['--tls-cert', join(folder, 'password')], code: 'USAGE', status: 64 },
    { words: ['--listen', 'nowhere'], code: 'USAGE', status: 64 },
    { words: ['--broker', 'mqtt://me:secret@vessel'], code: 'USAGE', status: 64 },
    { words: ['--model', join(folder, 'none')], code: 'BUNDLE_MISSING', status: 65 },
  ];
  const all = await Promise.all(cases.map(({ words }) => specta(['console', ...kept, ...words])));
  for (const [index, { status, stderr }] of all.entries()) {
    expect(stderr).toMatch(expectedError(cases[index]?.code ?? ''));
    expect(stderr).not.toContain('secret');
    expect(status).toBe(cases[index]?.status);
  }
});
