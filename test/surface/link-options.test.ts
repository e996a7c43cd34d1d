import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/platform/clock.ts';
import { createLog, silentLog } from '../../src/platform/log.ts';
import { createLink } from '../../src/surface/link.ts';
import { type LinkOptions, readSecrets, settle } from '../../src/surface/link-options.ts';
import { ProtocolChoice } from '../../src/surface/protocol-choice.ts';
import { freePort } from '../fixtures/mosquitto.ts';
import { until } from './listener.ts';
import { MemoryOutbox } from './memory-outbox.ts';

const options: LinkOptions = {
  broker: 'mqtt://127.0.0.1:1883',
  vehicle: 'rov-1',
  boot: 'b',
  version: '0',
  clockQuality: () => 'unset',
};

test.each([
  'not an address',
  'http://broker',
  'mqtt://',
  'mqtt://user:secret@broker',
])('"%s" is no address of a broker', (broker) => {
  expect(() => settle({ ...options, broker })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('the password is read from its file, without the line break, anew each time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'specta-secret-'));
  const passwordFile = join(folder, 'password');
  try {
    writeFileSync(passwordFile, 'first one\n');
    const settled = settle({ ...options, passwordFile });
    expect((await readSecrets(settled)).password).toBe('first one');
    writeFileSync(passwordFile, 'second');
    expect((await readSecrets(settled)).password).toBe('second');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a secret that cannot be read is a reason to wait, not to end', async () => {
  const clock = new ManualClock();
  const link = createLink(
    { ...options, passwordFile: '/nonexistent/password' },
    { clock, log: silentLog(), outbox: new MemoryOutbox() },
  );
  link.start();
  await until('waiting', () => link.state.kind === 'waiting');
  expect(link.status.reason).toContain('/nonexistent/password');
  await link.stop();
});

test('3.1.1 is remembered for a while after 5 was refused, then 5 is tried again', async () => {
  const clock = new ManualClock();
  const choice = new ProtocolChoice('auto', clock, 60_000);
  expect(choice.next()).toBe(5);
  expect(choice.refused(5)).toBe(true);
  expect(choice.next()).toBe(4);
  choice.accepted(4);
  await clock.advance(59_000);
  expect(choice.next()).toBe(4);
  await clock.advance(2000);
  expect(choice.next()).toBe(5);
  // A broker that hangs up on both is just ill: nothing is remembered.
  expect(choice.refused(5)).toBe(true);
  expect(choice.refused(4)).toBe(false);
  expect(choice.next()).toBe(5);
  expect(new ProtocolChoice(4, clock, 1).refused(4)).toBe(false);
});

test('a broker that is away for hours costs few log lines and bounded pauses', async () => {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const clock = new ManualClock();
  const outbox = new MemoryOutbox();
  const link = createLink(
    { ...options, broker: `mqtt://127.0.0.1:${await freePort()}` },
    { clock, log: createLog('info', sink), outbox },
  );
  const news: string[] = [];
  link.onStatus(({ condition }) => news.push(condition));
  const pauses: number[] = [];
  let waitingSince = 0;
  link.onState((state) => {
    if (state.kind === 'waiting') waitingSince = clock.now().monoMs;
    if (state.kind === 'connecting' && state.attempt > 1) pauses.push(clock.now().monoMs - waitingSince);
  });
  link.start();
  // Refusals by this machine's own kernel come within a few turns of the event loop, whatever the clock says.
  for (let steps = 0; pauses.length < 100 && steps < 20_000; steps += 1) await clock.advance(1000);
  await link.stop();
  expect(clock.now().monoMs).toBeGreaterThan(1_000_000);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(30_000);
  expect(pauses[0]).toBeLessThanOrEqual(1000);
  expect(Math.min(...pauses.slice(10))).toBeGreaterThanOrEqual(15_000);
  expect(new Set(pauses).size).toBeGreaterThan(5);
  // One line per ten minutes.
  expect(lines.length).toBeLessThan(8);
  expect(news.filter((condition) => condition === 'recovering').length).toBeLessThan(3);
});
