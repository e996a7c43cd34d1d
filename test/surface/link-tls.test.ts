import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createLink, type Link } from '../../src/surface/link.ts';
import type { LinkOptions } from '../../src/surface/link-options.ts';
import { type Mosquitto, mosquittoMissing, startMosquitto } from '../fixtures/mosquitto.ts';
import { until } from './listener.ts';
import { MemoryOutbox } from './memory-outbox.ts';

const opensslMissing = existsSync('/usr/bin/openssl') ? null : 'sudo apt-get install -y openssl';
const missing = mosquittoMissing ?? opensslMissing;
if (missing) console.warn(`Skipped: the link over TLS. ${missing}`);

describe.skipIf(missing !== null)('link over TLS', () => {
  let folder = '';
  let broker: Mosquitto | null = null;
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): unknown =>
    execFileSync('/usr/bin/openssl', args, { cwd: folder, stdio: 'pipe' });

  /** A certificate of `name` signed by our own authority. */
  const issue = (name: string, commonName: string): void => {
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      `${name}.key`,
    ];
    openssl('req', ...key, '-out', `${name}.csr`, '-subj', `/CN=${commonName}`);
    writeFileSync(file(`${name}.ext`), `subjectAltName=DNS:${commonName}\n`);
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'];
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signed,
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.crt`,
    );
  };
  const authority = (name: string): unknown =>
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
      ...['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`, '-days', '2'],
    );

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'specta-tls-'));
    authority('ca');
    authority('stranger');
    issue('server', 'vessel.test');
    issue('client', 'rov-1');
    broker = await startMosquitto({
      configuration: [
        `cafile ${file('ca.crt')}`,
        `certfile ${file('server.crt')}`,
        `keyfile ${file('server.key')}`,
        'require_certificate true',
      ],
    });
  });
  afterAll(async () => {
    await broker?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const linkWith = (tls: LinkOptions['tls'] & object): Link => {
    const link = createLink(
      {
        broker: `mqtts://127.0.0.1:${broker?.port}`,
        vehicle: 'rov-1',
        boot: 'b',
        version: '0',
        clockQuality: () => 'unset',
        reconnectPause: { firstMs: 50, mostMs: 50 },
        tls,
      },
      { clock: systemClock, log: silentLog(), outbox: new MemoryOutbox() },
    );
    link.start();
    return link;
  };

  test('a client certificate, our own authority and a server name bring a connection', async () => {
    await using link = linkWith({
      caFile: file('ca.crt'),
      certificateFile: file('client.crt'),
      keyFile: file('client.key'),
      serverName: 'vessel.test',
    });
    await until('connected', () => link.state.kind === 'connected');
    expect(link.state).toMatchObject({ protocol: 5 });
  });

  test.each([
    ['a server of another authority', { caFile: 'stranger.crt', serverName: 'vessel.test' }, /certificate/],
    ['a server of another name', { caFile: 'ca.crt', serverName: 'other.test' }, /does not match|altname/i],
    ['a certificate that is none', { caFile: 'ca.crt', certificateFile: 'ca.csr' }, /ENOENT/],
    ['a key that is none', { certificateFile: 'client.crt', keyFile: 'client.ext' }, /PEM|unsupported/i],
  ])('%s is refused, and the status says so', async (_, tls, reason) => {
    const inFolder = Object.fromEntries(
      Object.entries(tls).map(([name, value]) => [name, name === 'serverName' ? value : file(value)]),
    );
    await using link = linkWith(inFolder);
    await until('a reason', () => reason.test(link.status.reason ?? ''));
    expect(link.counts.connections).toBe(0);
  });
});
