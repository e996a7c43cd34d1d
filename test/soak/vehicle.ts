import { openStore } from '../../src/cli/model-store-of.ts';
import { startDaemon } from '../../src/daemon/daemon.ts';
import type { DaemonEvent } from '../../src/daemon/events.ts';
import { loadConfig } from '../../src/daemon/load-config.ts';
import { modelToServe } from '../../src/daemon/model-to-serve.ts';
import type { Part } from '../../src/domain/status.ts';
import { resolveBundle } from '../../src/model/bundle.ts';
import { startBoot } from '../../src/platform/boot.ts';
import { nodeFiles } from '../../src/platform/files.ts';
import { createLog } from '../../src/platform/log.ts';
import type { HealthMessage } from '../../src/surface/messages/health.ts';
import { FrameClock } from './frame-clock.ts';
import type { FromVehicle, ToVehicle } from './letters.ts';

// The vehicle of a soak, a process of its own: the daemon as specta run starts it, but for its clock, which goes on by
// one frame's time for each frame judged. Arguments: its configuration. Its log goes to standard error.

/** 30 frames a second. */
const FRAME_MS = 1000 / 30;
/** Real time without a frame after which time goes on by itself, and how: 10 ms in each 5 ms. */
const STILL_MS = 50;
const IDLE_REAL_MS = 5;
const IDLE_STEP_MS = 10;
// A quick machine judges hundreds of frames in a second, and the short form must be seen often enough to lay a line through.
const TELL_MS = 25;

const [file = ''] = process.argv.slice(2);
const START_UTC_MS = Date.now();
const clock = new FrameClock(START_UTC_MS);
const config = await loadConfig(file, {});
const log = createLog(config.log.level);
const bundle = await resolveBundle(config.model.bundle, '');
const { manifest, digest } = bundle;
const shipped = { name: manifest.name, version: manifest.version, digest };
const store = openStore(config, { shipped, fs: nodeFiles, patienceMs: 2_000 });
const boot = startBoot({ clock });
const serving = await modelToServe(store, async () => bundle, boot.id, log);

const told = { frames: 0, findings: 0, committed: 0, fresh: 0, decode: 0, preprocess: 0, infer: 0 };
const reported = { changes: 0 };
const conditions = new Map<Part, string>();
let model = '';
let drops: HealthMessage['drops'] = {};
let lastFrameAt = performance.now();
let idleMs = 0;
let stopping = false;

function hear(event: DaemonEvent): void {
  if (event.kind === 'verdict') {
    const { stages } = event.verdict;
    told.frames += 1;
    told.fresh += 1;
    told.decode += stages.decode;
    told.preprocess += stages.preprocess;
    told.infer += stages.infer;
    model = event.verdict.model.version;
    lastFrameAt = performance.now();
    clock.step(FRAME_MS);
  } else if (event.kind === 'finding') {
    reported.changes += 1;
    if (event.change.phase === 'opened') told.findings += 1;
  } else if (event.kind === 'committed') {
    told.committed += 1;
  } else if (event.kind === 'health') {
    ({ drops } = event.health);
  } else if (event.kind === 'status') {
    conditions.set(event.status.part, event.status.condition);
  }
}

function say(letter: FromVehicle): void {
  if (process.connected) process.send?.(letter);
}

const idling = setInterval(() => {
  if (performance.now() - lastFrameAt < STILL_MS) return;
  clock.step(IDLE_STEP_MS);
  idleMs += IDLE_STEP_MS;
}, IDLE_REAL_MS);

const { bundle: first, ...slot } = serving;
const daemon = await startDaemon(config, {
  log,
  version: '0.0.0',
  bundle: first,
  models: { store, shipped: async () => bundle, ...slot },
  boot,
  clock,
  onEvent: hear,
});

function tell(): void {
  const { fresh } = told;
  const of = (part: Part): string => conditions.get(part) ?? 'absent';
  const { heapUsed, external } = process.memoryUsage();
  say({
    kind: 'progress',
    frames: told.frames,
    monoMs: clock.now().monoMs,
    idleMs,
    stages:
      fresh === 0
        ? null
        : { decode: told.decode / fresh, preprocess: told.preprocess / fresh, infer: told.infer / fresh },
    delivered: daemon.camera.delivered,
    drops,
    findings: told.findings,
    committed: told.committed,
    uncommitted: reported.changes - told.committed,
    alertsWaiting: daemon.record.depth().waiting.alert,
    camera: of('camera'),
    link: of('link'),
    record: of('record'),
    engine: of('engine'),
    model,
    timers: clock.waiting,
    resources: process.getActiveResourcesInfo().length,
    heapBytes: heapUsed,
    offHeapBytes: external,
  });
  Object.assign(told, { fresh: 0, decode: 0, preprocess: 0, infer: 0 });
}

const telling = setInterval(tell, TELL_MS);

async function ask(id: number, name: string, content: object): Promise<void> {
  const bytes = await daemon.requests.answer(name, new TextEncoder().encode(JSON.stringify(content)));
  say({
    kind: 'answer',
    id,
    answer: JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>,
  });
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await daemon.stop();
  clearInterval(telling);
  clearInterval(idling);
  tell();
  say({ kind: 'stopped' });
  if (process.connected) process.disconnect();
}

process.on('message', (letter: ToVehicle) => {
  if (letter.kind === 'ask') void ask(letter.id, letter.name, letter.content);
  else if (letter.kind === 'set-clock') clock.setUtc(letter.utcMs ?? START_UTC_MS + clock.now().monoMs);
  else void stop();
});
// Nobody runs the soak any more.
process.on('disconnect', () => void stop());
