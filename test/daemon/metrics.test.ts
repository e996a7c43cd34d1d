import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { MetricsServer } from '../../src/daemon/metrics-server.ts';
import { metricsText } from '../../src/daemon/metrics-text.ts';
import { silentLog } from '../../src/platform/log.ts';
import { messageExamples } from '../../src/surface/messages/examples.ts';

const { health } = messageExamples();

test('the figures of health in the text format: each with its kind, unknown ones left out', () => {
  const text = metricsText({ ...health, temperatureCelsius: null });
  expect(text).toContain('# TYPE specta_dropped_total counter');
  expect(text).toContain('specta_dropped_total{part="camera",reason="superseded"} 3');
  expect(text).toContain('specta_latency_seconds{stage="captureToVerdict",quantile="0.99"} 0.0227');
  expect(text).toContain('specta_outbox_waiting{kind="alert"} 2');
  expect(text).not.toContain('celsius');
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(
      /^(# (HELP|TYPE) specta_\w+ .+|specta_\w+(\{(\w+="[^"\\]*",?)+\})? -?\d+(\.\d+)?(e-?\d+)?)$/,
    );
  }
});

test('what stands in a label cannot end it', () => {
  const text = metricsText({ ...health, drops: { 'a"b\\c\nd': { x: 1 } } });
  expect(text).toContain('specta_dropped_total{part="a\\"b\\\\c\\nd",reason="x"} 1');
});

test('served on loopback: nothing before the first figures, then the newest', async () => {
  const server = await MetricsServer.listen(0, silentLog());
  const url = `http://127.0.0.1:${server.port}`;
  expect((await fetch(`${url}/metrics`)).status).toBe(503);
  server.show(health);
  server.show({ ...health, fps: 12.5 });
  const answer = await fetch(`${url}/metrics`);
  expect(answer.headers.get('content-type')).toContain('version=0.0.4');
  expect(await answer.text()).toContain('specta_frames_per_second 12.5');
  expect((await fetch(`${url}/`)).status).toBe(404);
  expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
  await expect(MetricsServer.listen(server.port, silentLog())).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  await server.close();
  await server.close();
});

test('a process that has no descriptor left for whoever asks goes on, and answers when it has', async () => {
  const module = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    const { MetricsServer } = await import(${module('../../src/daemon/metrics-server.ts')});
    const { silentLog } = await import(${module('../../src/platform/log.ts')});
    console.log((await MetricsServer.listen(0, silentLog())).port);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [port] = await once(createInterface({ input: child.stdout }), 'line');
    const ask = (): Promise<number | null> =>
      fetch(`http://127.0.0.1:${port}/metrics`).then(
        ({ status }) => status,
        () => null,
      );
    const limit = (most: number) =>
      promisify(execFile)('prlimit', [`--pid=${child.pid}`, `--nofile=${most}:`]);
    await limit(3);
    for (let asked = 0; asked < 5; asked += 1) {
      const within = new Promise<null>((resolve) => setTimeout(() => resolve(null), 300));
      expect(await Promise.race([ask(), within])).toBeNull();
    }
    await limit(1_024);
    expect(await ask()).toBe(503);
    expect(child.exitCode).toBeNull();
  } finally {
    child.kill();
  }
});
