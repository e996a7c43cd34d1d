import { startConsole } from '../../src/console/console.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { RecentValues } from '../../src/platform/percentiles.ts';

// The whole console in a process of its own, so that its memory is its own: node fleet-console.ts BROKER FOLDER. Whoever
// began it sends any message and is told the figures.

/** What the console came to. */
export interface ConsoleFigures {
  readonly connected: boolean;
  readonly vehicles: number;
  readonly findings: number;
  readonly alerts: number;
  readonly images: number;
  /** From an alert's own time to its being kept and shown, ms. */
  readonly lagMs: { readonly p50: number; readonly p99: number; readonly most: number };
  readonly memoryBytes: number;
  readonly mostMemoryBytes: number;
}

const [broker = '', folder = ''] = process.argv.slice(2);
const running = await startConsole({
  ...{ broker, folder, bundle: null, version: '0.0.0', clock: systemClock, log: silentLog() },
  door: { host: '127.0.0.1', port: 0, password: null, tls: null },
  signal: new AbortController().signal,
});
const { desk } = running;
const lags = new RecentValues(1_000_000);
let most = 0;
desk.events.on((event) => {
  if (event.kind !== 'finding') return;
  const lag = Date.now() - Date.parse(event.alert.at);
  lags.add(lag);
  most = Math.max(most, lag);
});

let mostMemory = 0;
const weigh = (): number => {
  const { rss } = process.memoryUsage();
  mostMemory = Math.max(mostMemory, rss);
  return rss;
};
const weighing = setInterval(weigh, 250);

const countOf = (table: 'findings' | 'alerts' | 'images'): number =>
  Number(desk.history.row(`SELECT count(*) AS count FROM ${table}`)?.count ?? 0);

process.on('message', () => {
  const percentiles = lags.percentiles();
  const figures: ConsoleFigures = {
    connected: desk.link.state.kind === 'connected',
    vehicles: desk.vehicles.length,
    findings: countOf('findings'),
    alerts: countOf('alerts'),
    images: countOf('images'),
    lagMs: { p50: percentiles?.p50 ?? 0, p99: percentiles?.p99 ?? 0, most },
    memoryBytes: weigh(),
    mostMemoryBytes: mostMemory,
  };
  process.send?.(figures);
});
process.once('disconnect', () => {
  clearInterval(weighing);
  void running[Symbol.asyncDispose]();
});
