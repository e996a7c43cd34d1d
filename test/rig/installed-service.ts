import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OLDER, tarballOf } from './releases.ts';

/** What drives the lamp's line, whoever drives it. */
const WITNESS = '/run/gpio-witness/sim_gpio17/value';
/** Everything is emulated, on a machine that may be busy, ms. */
const PATIENCE_MS = 900_000;

/** Where the tests' network lies on the vehicle: one frame of the shipped one takes longer here than an engine may. */
const BUNDLE = '/etc/specta/bundle';

/** What the tests add to the unit. */
export const PATIENT_UNIT = '/run/systemd/system/specta.service.d';

/**
 * A vehicle's configuration with real parts: camera, GPIO line, broker. The crack's threshold is so low that the test
 * pattern counts as one, so that the lamp shines steadily for a finding: it must be brought to dark by whoever ends it.
 */
const CONFIGURATION = `
vehicle: rig
camera: { uri: "v4l2:vivid", width: 320, height: 180, rate: 2 }
model: { bundle: ${BUNDLE} }
engine: { threads: 1 }
inspection: { minimumDetections: 1, on: { crack: 0.001 } }
light:
  line: { kind: chardev, chip: rig, line: RELAY }
  onCrack: latch
  lampTestSeconds: 0
  idle: 'off'
`;

/** Runs a program; its output is in the result, whatever the status. */
export function ran(program: string, ...parameters: readonly string[]): SpawnSyncReturns<string> {
  const result = spawnSync(program, [...parameters], { encoding: 'utf8' });
  if (result.error !== undefined) throw result.error;
  return result;
}

/** Like {@link ran} for what takes minutes; the test's own process must go on meanwhile. */
export async function runs(
  program: string,
  ...parameters: readonly string[]
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(program, [...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { status, ...said };
}

/** How long one test may take, ms. */
export const LONG = 1_800_000;

/** Waits until `look` gives something. Throws with what was waited for. */
export async function until<T>(what: string, look: () => T | null | undefined | false): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const seen = look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`waited in vain: ${what}\n${journal().slice(-3000)}`);
    // Each look may start a program, which costs the daemon more than it costs this test.
    await sleep(1_000);
  }
}

/** The journal of the service since `cursor`, or since the boot: one message a line. */
export function journal(since?: string): string {
  const from = since === undefined ? ['--boot'] : [`--after-cursor=${since}`];
  return ran('journalctl', '--unit=specta', '--no-pager', '--output=cat', ...from).stdout;
}

/** Where the journal is now. */
export function cursor(): string {
  const { stdout } = ran('journalctl', '--boot', '--lines=0', '--show-cursor', '--quiet', '--no-pager');
  return /^-- cursor: (.+)$/m.exec(stdout)?.[1] ?? '';
}

export interface UnitState {
  readonly activeState: string;
  readonly pid: number;
  readonly restarts: number;
  readonly statusText: string;
  /** When systemd started the main process, monotonic ms. */
  readonly startedMs: number;
}

/** What systemd says of the service. */
export function unit(): UnitState {
  const names = 'ActiveState,MainPID,NRestarts,StatusText,ExecMainStartTimestampMonotonic';
  const { stdout } = ran('systemctl', 'show', 'specta', `--property=${names}`);
  const of = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(stdout)?.[1] ?? '';
  return {
    activeState: of('ActiveState'),
    pid: Number(of('MainPID')),
    restarts: Number(of('NRestarts')),
    statusText: of('StatusText'),
    startedMs: Number(of('ExecMainStartTimestampMonotonic')) / 1000,
  };
}

export function isLit(): boolean {
  return readFileSync(WITNESS, 'utf8').trim() === '1';
}

/** Monotonic ms, as systemd tells its times. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Follows the lamp's line from outside, in its own process: this one is busy with systemctl. */
export async function followLamp(): Promise<{ readonly stop: () => Promise<readonly LampChange[]> }> {
  const program = `
    const { readFileSync } = require('node:fs');
    let last = '';
    setInterval(() => {
      const value = readFileSync('${WITNESS}', 'utf8').trim();
      if (value !== last) console.log(Number(process.hrtime.bigint()) / 1e6, value);
      last = value;
    }, 20);`;
  const child = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await until('the lamp is followed', () => text !== '');
  return {
    async stop() {
      child.kill();
      await ended;
      return text
        .trim()
        .split('\n')
        .map((line) => line.split(' '))
        .map(([atMs, value]) => ({ atMs: Number(atMs), lit: value === '1' }));
    },
  };
}

export interface LampChange {
  readonly atMs: number;
  readonly lit: boolean;
}

/** Waits until the service judges frames and its lamp shines. */
export async function untilLit(): Promise<UnitState> {
  await until('the lamp shines', isLit);
  return until('the service is active', () => {
    const state = unit();
    return state.activeState === 'active' && state;
  });
}

/** The installer of the release that runs. */
export const INSTALLER = '/opt/specta/current/device/install.sh';

/** Brings broker and configuration, and installs the older release as a technician does. */
export async function installFirst(): Promise<{ readonly seconds: number; readonly out: string }> {
  execFileSync('mosquitto', ['-d', '-p', '1883']);
  // Alerts that nobody hears would wait, and the link say so.
  spawn('mosquitto_sub', ['-q', '1', '-t', 'specta/rig/#'], { detached: true, stdio: 'ignore' }).unref();
  mkdirSync('/etc/specta', { recursive: true });
  cpSync('/share/bundle', BUNDLE, { recursive: true });
  writeFileSync('/etc/specta/specta.yaml', CONFIGURATION);
  // The unit's own two minutes for a start are a board's, not an emulator's beside another one.
  mkdirSync(PATIENT_UNIT, { recursive: true });
  writeFileSync(join(PATIENT_UNIT, 'emulator.conf'), '[Service]\nTimeoutStartSec=600\n');
  const tarball = join('/share', tarballOf(OLDER));
  const begin = performance.now();
  const script = execFileSync('tar', [
    '-xzOf',
    tarball,
    '--occurrence=1',
    `specta-${OLDER}/device/install.sh`,
  ]);
  writeFileSync('/tmp/install.sh', script);
  const { status, stdout, stderr } = await runs('sh', '/tmp/install.sh', tarball);
  if (status !== 0)
    throw new Error(`install.sh ended with ${status}:\n${stdout}${stderr}\n${journal().slice(-3000)}`);
  return { seconds: (performance.now() - begin) / 1000, out: stdout };
}

/**
 * What ends the daemon from outside must end the lamp: dark before the next start of the daemon, and lit again once it
 * finds the crack again.
 */
export async function lampThrough(
  end: (state: UnitState) => void | Promise<void>,
): Promise<{ readonly darkAfterMs: number; readonly readyAfterSeconds: number; readonly said: string }> {
  const before = await untilLit();
  const from = cursor();
  const lamp = await followLamp();
  const endedMs = monotonicMs();
  await end(before);
  const after = await until('systemd has started it again', () => {
    const state = unit();
    return (
      state.restarts > before.restarts && state.pid !== before.pid && state.activeState === 'active' && state
    );
  });
  const readyMs = monotonicMs();
  await untilLit();
  const changes = await lamp.stop();
  const dark = changes.find(({ atMs, lit }) => !lit && atMs >= endedMs);
  if (dark === undefined) throw new Error(`the lamp was never dark: ${JSON.stringify(changes)}`);
  if (dark.atMs > after.startedMs)
    throw new Error(`dark ${dark.atMs}, but the next daemon started before, ${after.startedMs}`);
  return {
    darkAfterMs: dark.atMs - endedMs,
    readyAfterSeconds: (readyMs - endedMs) / 1000,
    said: journal(from),
  };
}
