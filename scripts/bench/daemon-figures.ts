import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../../test/fixtures/mosquitto.ts';

/** What the running daemon says of itself, and what the kernel says of it. */
export interface DaemonFigures {
  readonly fps: number;
  readonly cpu_ms_per_frame: number;
  /** Resident memory: median over the second half, and the most, MB. */
  readonly rss_mb: number;
  readonly rss_peak_mb: number;
  /** From the start of the process, ms. */
  readonly first_verdict_ms: number;
  readonly event_loop_delay_p99_ms: number;
  readonly capture_to_verdict_p99_ms: number;
}

interface DaemonRun {
  readonly frames: string;
  readonly model: string;
  readonly broker: string;
  /** Frames a second; null: as fast as they are taken. */
  readonly rate: number | null;
  readonly seconds: number;
}

const root = resolve(import.meta.dirname, '../..');

/**
 * Runs the real daemon (record, findings, stills, link, simulated light) on a replay, with the service's settings, and reads
 * its own metrics. Rejects when it ends before its time.
 */
export async function daemonFigures({
  frames,
  model,
  broker,
  rate,
  seconds,
}: DaemonRun): Promise<DaemonFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-daemon-'));
  const port = await freePort();
  const config = {
    vehicle: 'bench',
    stateFolder: join(folder, 'state'),
    camera: { uri: `replay:${frames}`, rate, loop: true },
    model: { bundle: model },
    surface: { broker },
    metrics: { port },
    log: { level: 'error' },
  };
  // JSON is YAML.
  await writeFile(join(folder, 'specta.yaml'), JSON.stringify(config));
  const daemon = spawn(
    process.execPath,
    [join(root, 'scripts/specta.mjs'), 'run', '--config', join(folder, 'specta.yaml')],
    { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...(await serviceSettings()) } },
  );
  const ended = new Promise<number | null>((done) => daemon.once('exit', done));
  try {
    const sizes: number[] = [];
    const begin = performance.now();
    while (performance.now() - begin < seconds * 1000) {
      await new Promise((done) => setTimeout(done, 500));
      if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
      sizes.push(await residentMb(daemon.pid ?? 0));
    }
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const steady = sizes.slice(Math.floor(sizes.length / 2)).sort((a, b) => a - b);
    return {
      fps: valueIn(text, 'specta_frames_per_second'),
      cpu_ms_per_frame: valueIn(text, 'specta_cpu_seconds_per_frame') * 1000,
      rss_mb: steady[Math.floor(steady.length / 2)],
      rss_peak_mb: Math.max(...sizes),
      first_verdict_ms: valueIn(text, 'specta_first_verdict_seconds') * 1000,
      event_loop_delay_p99_ms: valueIn(text, 'specta_event_loop_delay_seconds{quantile="0.99"}') * 1000,
      capture_to_verdict_p99_ms:
        valueIn(text, 'specta_latency_seconds{stage="captureToVerdict",quantile="0.99"}') * 1000,
    };
  } finally {
    daemon.kill();
    await ended;
    await rm(folder, { recursive: true });
  }
}

/** What the unit sets for memory and threads; its other variables name the service's own folders. */
const SETTINGS = /^(NODE_OPTIONS|MALLOC_\w+|UV_THREADPOOL_SIZE|ORT_DISABLE_TELEMETRY)$/;

async function serviceSettings(): Promise<Record<string, string>> {
  const unit = await readFile(join(root, 'systemd/specta.service'), 'utf8');
  const words = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, list]) => list.split(' '));
  return Object.fromEntries(
    words.flatMap((word) => {
      const [name, ...value] = word.split('=');
      return SETTINGS.test(name) ? [[name, value.join('=')]] : [];
    }),
  );
}

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024) / 1e6;
}

/** NaN where the daemon does not tell it. */
function valueIn(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}
