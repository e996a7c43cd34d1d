import { join, relative, resolve } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import type { RunningConsole } from '../console/console.ts';
import type { Daemon } from '../daemon/daemon.ts';
import type { Bundle } from '../domain/manifest.ts';
import { systemClock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles, writeDurably } from '../platform/files.ts';
import { createLog } from '../platform/log.ts';
import { topicsOf } from '../surface/topics.ts';
import { DemoDesk } from './demo-desk.ts';
import { beginSession } from './demo-session.ts';
import { type DemoPicture, demoScreen, demoSummary } from './demo-view.ts';
import { EXIT } from './exit-codes.ts';
import { aborted, onInterrupt } from './interrupt.ts';
import { LiveScreen } from './live-screen.ts';
import { openStore } from './model-store-of.ts';
import { shippedModels } from './models-folder.ts';
import { productVersion } from './product-version.ts';
import { counted, isTerminal, paint, wrapped } from './terminal.ts';

/** What `specta demo` is asked for. */
export interface DemoOptions {
  readonly footage?: string;
  readonly rate: number;
  readonly once?: boolean;
  readonly port: number;
  /** Where the console's page is served, a port of 127.0.0.1; 0: any. */
  readonly consolePort: number;
  readonly model: string;
  /** Keys whose models can be flashed into it. */
  readonly trustedKey: readonly string[];
  readonly folder: string;
}

const VEHICLE = 'demo';
const DRAW_MS = 150;

async function footageFolder(options: DemoOptions, signal: AbortSignal): Promise<string> {
  if (options.footage !== undefined) return options.footage;
  const { ensureDemoRun } = await import('../footage/demo-run.ts');
  const isLive = isTerminal(process.stderr);
  let next = 0;
  const onProgress = (done: number, total: number): void => {
    // A run that is there already is told of with a single call.
    const percent = Math.floor((100 * done) / total);
    if (percent < next || (next === 0 && done === total)) return;
    next = percent + (isLive ? 1 : 25);
    const line = `Rendering the demo's footage (once): ${percent} %`;
    process.stderr.write(isLive ? `\r\x1b[K${done === total ? '' : line}` : `${line}\n`);
  };
  try {
    return await ensureDemoRun(join(options.folder, 'footage'), { signal, onProgress });
  } catch (error) {
    if (isLive && next > 0) process.stderr.write('\n');
    throw error;
  }
}

async function listen(url: string, desk: DemoDesk): Promise<MqttClient> {
  try {
    const options = { protocolVersion: 4, clientId: `specta-demo-${process.pid}` } as const;
    const client = await connectAsync(url, options, false);
    client.on('message', (topic, payload) => desk.hear(topic, payload));
    // The broker is in this process: what it does wrong shows as a trouble, and mqtt.js connects again.
    client.on('error', () => undefined);
    await client.subscribeAsync(`${topicsOf(VEHICLE).base}/#`, { qos: 1 });
    return client;
  } catch (error) {
    throw new SpectaError(
      'BROKER_UNREACHABLE',
      `The demo cannot reach its own broker at ${url}: ${error instanceof Error ? error.message : String(error)}.`,
      "The machine's loopback interface seems to be down: ip link set lo up.",
      error,
    );
  }
}

/** Frames judged a second over the last few seconds. */
class Speed {
  private readonly seen: { readonly at: number; readonly judged: number }[] = [];

  at(now: number, judged: number): number {
    this.seen.push({ at: now, judged });
    while (this.seen.length > 20) this.seen.shift();
    const [first] = this.seen;
    return first && now > first.at ? ((judged - first.judged) * 1000) / (now - first.at) : 0;
  }
}

/** The operator's page for this demo; on another port where the one wanted is taken. */
async function servePage(
  options: DemoOptions,
  broker: string,
  stateFolder: string,
  bundle: Bundle,
  signal: AbortSignal,
): Promise<RunningConsole> {
  const { startConsole } = await import('../console/console.ts');
  const serve = (port: number): Promise<RunningConsole> =>
    startConsole({
      // The vehicle has the processor to itself until somebody drops a picture.
      ...{ broker, protocol: 4, bundle, warm: false, version: productVersion(), signal, clock: systemClock },
      folder: join(stateFolder, 'console'),
      door: { host: '127.0.0.1', port, password: null, tls: null },
      log: createLog(process.env.SPECTA_LOG_LEVEL ?? 'silent'),
    });
  try {
    return await serve(options.consolePort);
  } catch (error) {
    if (!(error instanceof SpectaError) || error.code !== 'PORT_IN_USE') throw error;
    return serve(0);
  }
}

/** What stands in for the real thing, told before anything else. */
function standIns(options: DemoOptions, footage: string, broker: { url: string; port: number }) {
  const { rate, port } = options;
  const pictures = options.footage === undefined ? 'footage rendered by SPECTA' : `pictures of ${footage}`;
  const taken = port !== 0 && broker.port !== port ? ` (${port} is taken)` : '';
  return [
    { part: 'camera', by: `${pictures}, ${rate} frames a second${options.once ? '' : ', over and over'}` },
    { part: 'broker', by: `in this process, ${broker.url}${taken}` },
    { part: 'alert light', by: 'no GPIO line, shown here' },
  ];
}

function thresholdsOf({ manifest }: Bundle): DemoPicture['thresholds'] {
  const { intactThreshold } = manifest;
  const { corrosion, crack } = manifest.defects;
  return {
    ...(corrosion ? { corrosion: corrosion.on } : {}),
    ...(crack ? { crack: crack.on } : {}),
    ...(intactThreshold === null ? {} : { intact: intactThreshold }),
  };
}

/** The main job on this machine until Ctrl-C, or with `once` until the footage ends; gives the exit status. */
export async function demonstrate(options: DemoOptions): Promise<number> {
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  const [{ parseConfig }, { startDaemon }, { startLocalBroker }, { resolveBundle }] = await Promise.all([
    import('../daemon/load-config.ts'),
    import('../daemon/daemon.ts'),
    import('../surface/local-broker.ts'),
    import('../model/bundle.ts'),
  ]);
  const bundle = await resolveBundle(options.model, shippedModels());
  const footage = resolve(await footageFolder(options, signal));
  const stateFolder = await beginSession(join(options.folder, 'demo'));
  const isLive = isTerminal(process.stdout);
  const began = performance.now();
  const say = (line: string): void => {
    const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
    if (!isLive) process.stdout.write(`${seconds} s  ${line}\n`);
  };
  const desk = new DemoDesk(topicsOf(VEHICLE), say);

  await using parts = new AsyncDisposableStack();
  const broker = await startLocalBroker({ host: '127.0.0.1', port: options.port });
  parts.defer(() => broker.stop());
  const client = await listen(broker.url, desk);
  parts.defer(() => client.endAsync(true));
  const page = parts.use(await servePage(options, broker.url, stateFolder, bundle, signal));

  const simulated = standIns(options, footage, broker);
  if (!isLive) {
    const list = simulated.map(({ part, by }) => `SIMULATED  ${part}: ${by}\n`).join('');
    process.stdout.write(`SPECTA demo; Ctrl-C ends\nCONSOLE    ${page.url}\n${list}`);
  }
  const text = JSON.stringify({
    vehicle: VEHICLE,
    stateFolder,
    camera: { uri: `replay:${footage}`, rate: options.rate, loop: options.once !== true },
    model: { bundle: bundle.folder, trustedKeys: options.trustedKey },
    surface: { broker: broker.url, protocol: 4 },
  });
  // For every command that asks a daemon or flashes one: --config.
  await writeDurably(nodeFiles, join(stateFolder, 'specta.yaml'), new TextEncoder().encode(text));
  const config = parseConfig(text, {});
  const ended = new AbortController();
  const { name, version } = bundle.manifest;
  const daemon = await startDaemon(config, {
    log: createLog(process.env.SPECTA_LOG_LEVEL ?? 'silent'),
    version: productVersion(),
    bundle,
    models: {
      store: openStore(config, { shipped: { name, version, digest: bundle.digest }, fs: nodeFiles }),
      shipped: async () => bundle,
      slot: 'current',
      signature: 'shipped',
    },
    signal,
    onEvent: (event) => {
      if (event.kind === 'verdict') desk.see(event.verdict);
      if (event.kind === 'camera-ended') ended.abort();
    },
  });
  parts.defer(() => daemon.stop());

  const speed = new Speed();
  const colours = paint(process.stdout);
  const picture = (): DemoPicture => ({
    ...{ simulated, light: desk.light, alerts: desk.alerts, images: desk.images, verdict: desk.verdict },
    thresholds: thresholdsOf(daemon.models.serving.bundle),
    fps: speed.at(performance.now(), desk.judged),
    model: `${nameOfServing(daemon)} on this machine's CPU`,
    troubles: desk.troubles,
    folder: shortest(stateFolder),
    console: page.url,
  });
  {
    using screen = isLive ? new LiveScreen(process.stdout) : null;
    const draw = (): void => screen?.draw(demoScreen(picture(), colours, screen.size));
    const drawing = isLive ? setInterval(draw, DRAW_MS) : null;
    draw();
    await Promise.race([aborted(signal), aborted(ended.signal)]);
    if (drawing) clearInterval(drawing);
  }
  if (isLive) process.stdout.write('Stopping…');
  await daemon.stop();
  await settled(desk);
  const columns = process.stdout.columns || 100;
  if (isLive) process.stdout.write('\r\x1b[K');
  process.stdout.write(`${['', ...demoSummary(picture(), colours, columns)].join('\n')}\n`);
  const { judged, received, alerts } = desk;
  const counts = `${counted(received, 'alert')} of ${counted(alerts.size, 'finding')} received over MQTT, ${counted(judged, 'frame')} judged.`;
  const end = `${counts} Stopped in order; the light is at its safe level (off).`;
  process.stdout.write(`\n${wrapped(end, columns).join('\n')}\n`);
  interrupt.throwIfOutputFailed();
  return options.once === true && judged === 0 && !signal.aborted ? EXIT.partial : EXIT.ok;
}

function nameOfServing({ models }: Daemon): string {
  const { name, version } = models.serving.bundle.manifest;
  return `${name} ${version}`;
}

/** A folder's name as seen from here, where that is shorter. */
function shortest(folder: string): string {
  const fromHere = relative(process.cwd(), folder);
  return fromHere.length < folder.length ? fromHere : folder;
}

/** Lets the last messages that the broker holds arrive. */
async function settled(desk: DemoDesk): Promise<void> {
  for (let before = -1; before !== desk.received; ) {
    before = desk.received;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
