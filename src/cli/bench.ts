import type { Command } from 'commander';
import type { Change } from '../bench/history.ts';
import type { Measurement } from '../bench/measurement.ts';
import type { Percentiles } from '../platform/percentiles.ts';
import { brokerAddress, oneOf, positiveNumber, wholeNumber } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import { DEFAULT_BUNDLE, shippedModels } from './models-folder.ts';
import { productVersion } from './product-version.ts';
import type { Finish } from './program.ts';
import { isTerminal, table } from './terminal.ts';

interface BenchCommand {
  readonly frames: string;
  readonly format: 'mjpeg' | 'yuyv';
  readonly rate?: number;
  readonly model: string;
  readonly broker?: string;
  readonly protocol: 'auto' | 4 | 5;
  readonly count: number;
  readonly lanes?: number;
  readonly threads?: number;
  readonly history?: string;
  readonly json?: boolean;
}

const PROTOCOLS = { auto: 'auto', 4: 4, 5: 5 } as const;

export function registerBench(program: Command, finish: Finish): void {
  program
    .command('bench')
    .description('measure the way of a frame, as fast as it goes, every frame judged')
    .requiredOption(
      '--frames <dir>',
      'pictures to judge, repeated as often as needed; or the URI of a camera',
    )
    .option(
      '--format <f>',
      'how the pictures come: mjpeg, or yuyv',
      oneOf('--format', ['mjpeg', 'yuyv']),
      'mjpeg',
    )
    .option('--rate <fps>', 'frames a second, as a camera sends them', positiveNumber('--rate'))
    .option('--model <bundle>', 'a bundle folder, or name[@version]', DEFAULT_BUNDLE)
    .option(
      '--broker <url>',
      'send one detection at QoS 1 for each frame to this broker',
      brokerAddress('--broker'),
    )
    .option(
      '--protocol <p>',
      'auto, 5, or 4 (MQTT 3.1.1)',
      (text) => PROTOCOLS[oneOf('--protocol', ['auto', '4', '5'])(text)],
      PROTOCOLS.auto,
    )
    .option('--count <n>', 'frames', wholeNumber('--count'), 300)
    .option(
      '--lanes <n>',
      'frames judged at the same time (default: as the daemon)',
      wholeNumber('--lanes', 1, 8),
    )
    .option(
      '--threads <n>',
      'threads inside one inference (default: as the daemon)',
      wholeNumber('--threads', 1, 64),
    )
    .option('--history <file>', 'add the figures to this file and compare them with the last ones there')
    .option('--json', 'one object on one line')
    .addHelpText(
      'after',
      `
Exit status: 0 measured; 2 measured, but some pictures could not be judged; else see specta --help.

Examples:
  $ specta bench --frames run-7/
  $ specta bench --frames run-7/ --broker mqtt://127.0.0.1:1883 --count 1000 --history bench.jsonl
  $ specta bench --frames v4l2:/dev/video0 --rate 30 --json
  $ taskset -c 0 specta bench --frames run-7/ --format yuyv       on one core`,
    )
    .action(async (options: BenchCommand) => finish(await bench(options)));
}

function percentileRows(what: string, values: Percentiles | null): string[][] {
  if (values === null) return [];
  return (['p50', 'p95', 'p99'] as const).map((name) => [`${what} ${name}`, String(values[name]), 'ms']);
}

function rows(found: Measurement): string[][] {
  const { stages_ms: stages, bound } = found;
  return [
    ['figure', 'value', 'unit'],
    ['frames judged', String(found.fps), 'a second'],
    ['decode and engine alone', String(bound.fps), 'a second'],
    ['share of that', String(bound.share), ''],
    ['bare engine', String(found.engine_fps), 'runs a second'],
    ['copies of a picture', String(bound.copies_per_second), 'a second'],
    ['CPU a frame', String(found.cpu_ms_per_frame), 'ms'],
    ['CPU of decode and engine alone', String(bound.cpu_ms_per_frame), 'ms'],
    ...percentileRows('capture to verdict', found.capture_to_verdict_ms),
    ...percentileRows('capture to light', found.capture_to_light_ms),
    ...percentileRows('capture to PUBACK', found.capture_to_puback_ms),
    ...Object.entries(stages).map(([stage, ms]) => [`${stage}, mean`, String(ms), 'ms']),
    ...percentileRows('event loop late', found.event_loop_delay_ms),
    ['memory', String(found.rss_mb), 'MB'],
    ['memory, most', String(found.rss_peak_mb), 'MB'],
    ['first verdict after', String(found.first_verdict_ms), 'ms'],
  ];
}

/** Under what circumstances, in one line. */
function circumstances(found: Measurement): string {
  const {
    frames,
    refused,
    superseded,
    model,
    picture,
    rate,
    lanes,
    threads,
    broker,
    mqtt,
    unheard,
    machine,
  } = found;
  const sent =
    broker === null
      ? 'no broker'
      : `${broker} (MQTT ${mqtt === 5 ? '5' : '3.1.1'}${unheard > 0 ? `, nobody subscribed for ${unheard}` : ''})`;
  const bad = refused > 0 ? `, ${refused} more could not be judged` : '';
  const overtaken = superseded > 0 ? `, ${superseded} overtaken by newer ones` : '';
  const pace = rate === null ? '' : ` at ${rate} a second`;
  return `${frames} frames${bad}${overtaken}; ${picture}${pace}; ${model}; lanes ${lanes}, threads ${threads}; ${sent}; ${machine}`;
}

function comparison(at: string, changes: readonly Change[]): string[] {
  const cells = changes.map(({ figure, before, now, ratio }) => [
    figure,
    String(before),
    String(now),
    ratio.toFixed(2),
  ]);
  return ['', `against ${at}:`, ...table([['figure', 'then', 'now', 'ratio'], ...cells])];
}

async function bench(options: BenchCommand): Promise<number> {
  using interrupt = onInterrupt();
  const { frames, format, rate = null, broker = null, protocol, count, history } = options;
  const [{ benchPipeline }, { resolveBundle }, { lanesAndThreads }] = await Promise.all([
    import('../bench/pipeline-bench.ts'),
    import('../model/bundle.ts'),
    import('../daemon/part-options.ts'),
  ]);
  const { lanes = null, threads = null } = options;
  const division = lanesAndThreads({ kind: 'onnx', provider: 'cpu', lanes, threads });
  const bundle = await resolveBundle(options.model, shippedModels());
  const isLive = isTerminal(process.stderr);
  const onProgress = (done: number): void => {
    if (isLive && done % 25 === 0) process.stderr.write(`\r${done} of ${count} frames `);
  };
  const { signal } = interrupt;
  const version = productVersion();
  try {
    const found = await benchPipeline({
      ...{ frames, format, rate, bundle, count, broker, protocol, ...division },
      ...{ version, signal, onProgress },
    });
    const lines =
      options.json === true ? [JSON.stringify(found)] : [...table(rows(found)), circumstances(found)];
    if (history !== undefined) {
      const { remember, changesBetween } = await import('../bench/history.ts');
      const at = new Date().toISOString();
      const before = await remember(history, { at, version, measured: found });
      if (before && options.json !== true) {
        lines.push(...comparison(before.at, changesBetween(before.measured, found)));
      }
    }
    process.stdout.write(`${lines.join('\n')}\n`);
    return found.refused > 0 ? EXIT.partial : EXIT.ok;
  } finally {
    if (isLive) process.stderr.write('\r\x1b[K');
  }
}
