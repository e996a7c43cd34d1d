import type { HealthMessage } from '../surface/messages/health.ts';

type Labels = Readonly<Record<string, string>>;

function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

function sample(name: string, labels: Labels, value: number): string {
  const words = Object.entries(labels).map(([key, word]) => `${key}=${quoted(word)}`);
  return `${name}${words.length > 0 ? `{${words.join(',')}}` : ''} ${Number(value.toPrecision(9))}`;
}

/** One metric: its samples under a line that says what it is. */
function metric(
  name: string,
  kind: 'gauge' | 'counter',
  help: string,
  samples: readonly (readonly [Labels, number | null])[],
): string[] {
  const known = samples.flatMap(([labels, value]) => (value === null ? [] : [sample(name, labels, value)]));
  return known.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...known];
}

/** The figures of `health` in Prometheus' text format (version 0.0.4). What is not known is left out. */
export function metricsText(health: HealthMessage): string {
  const plain = (value: number | null): [Labels, number | null][] => [[{}, value]];
  const quantiles = (of: HealthMessage['eventLoopDelayMs'], labels: Labels): [Labels, number][] => [
    [{ ...labels, quantile: '0.5' }, of.p50 / 1000],
    [{ ...labels, quantile: '0.95' }, of.p95 / 1000],
    [{ ...labels, quantile: '0.99' }, of.p99 / 1000],
  ];
  const { engine, provider, outbox, vehicle } = health;
  const lines = [
    metric('specta_info', 'gauge', 'which engine runs', [
      [{ vehicle, engine: engine ?? 'none', provider: provider ?? 'none' }, 1],
    ]),
    metric('specta_uptime_seconds', 'gauge', 'since the start', plain(health.uptimeSeconds)),
    metric('specta_frames_per_second', 'gauge', 'frames judged a second', plain(health.fps)),
    metric(
      'specta_latency_seconds',
      'gauge',
      'of recent frames, by stage',
      Object.entries(health.latencyMs).flatMap(([stage, of]) => quantiles(of, { stage })),
    ),
    metric(
      'specta_event_loop_delay_seconds',
      'gauge',
      'how late timers of the main thread were',
      quantiles(health.eventLoopDelayMs, {}),
    ),
    metric(
      'specta_cpu_seconds_per_frame',
      'gauge',
      'processor time for each frame judged',
      plain(health.cpuMsPerFrame === null ? null : health.cpuMsPerFrame / 1000),
    ),
    metric('specta_memory_bytes', 'gauge', 'resident memory', plain(health.memoryBytes)),
    metric('specta_stride', 'gauge', 'every so many-th frame is judged', plain(health.stride)),
    metric(
      'specta_first_verdict_seconds',
      'gauge',
      'from the start of the process',
      plain(health.firstVerdictSeconds),
    ),
    metric('specta_temperature_celsius', 'gauge', 'of the board', plain(health.temperatureCelsius)),
    metric(
      'specta_dropped_total',
      'counter',
      'what was dropped, by part and reason',
      Object.entries(health.drops).flatMap(([part, reasons]) =>
        Object.entries(reasons).map(([reason, count]): [Labels, number] => [{ part, reason }, count]),
      ),
    ),
    metric(
      'specta_outbox_waiting',
      'gauge',
      'messages not yet taken by the broker',
      Object.entries(outbox.waiting).map(([kind, count]): [Labels, number] => [{ kind }, count]),
    ),
    metric('specta_outbox_bytes', 'gauge', 'size of what waits', plain(outbox.bytes)),
    metric('specta_outbox_oldest_age_seconds', 'gauge', 'age of the oldest', plain(outbox.oldestAgeSeconds)),
  ];
  return `${lines.flat().join('\n')}\n`;
}
