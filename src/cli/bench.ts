import type { Command } from 'commander';
import type { Measurement } from '../bench/measurement.ts';
import { brokerAddress, oneOf, wholeNumber } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import { DEFAULT_BUNDLE, shippedModels } from './models-folder.ts';
import { productVersion } from './product-version.ts';
import type { Finish } from './program.ts';
import { isTerminal, table } from './terminal.ts';

interface BenchCommand {
  readonly frames: string;
  readonly model: string;
  readonly broker?: string;
  readonly protocol: 'auto' | 4 | 5;
  readonly count: number;
  readonly threads: number;
  readonly json?: boolean;
}

const PROTOCOLS = { auto: 'auto', 4: 4, 5: 5 } as const;

export function registerBench(program: Command, finish: Finish): void {
  program
    .command('bench')
    .description('measure the way of a frame, as fast as it goes, every frame judged')
    .requiredOption('--frames <dir>', 'pictures to judge, repeated as often as needed')
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
    .option('--threads <n>', 'threads inside one inference', wholeNumber('--threads', 1, 64), 2)
    .option('--json', 'one object on one line')
    .addHelpText(
      'after',
      `
Exit status: 0 measured; 2 measured, but some pictures could not be judged; else see specta --help.

Examples:
  $ specta bench --frames run-7/
  $ specta bench --frames run-7/ --broker mqtt://127.0.0.1:1883 --count 1000 --json`,
    )
    .action(async (options: BenchCommand) => finish(await bench(options)));
}

function rows(found: Measurement): string[][] {
  const { stages_ms: stages, capture_to_puback_ms: puback } = found;
  return [
    ['figure', 'value', 'unit'],
    ['frames judged', String(found.fps), 'a second'],
    ['bare engine', String(found.engine_fps), 'runs a second'],
    ['CPU a frame', String(found.cpu_ms_per_frame), 'ms'],
    ['capture to verdict p50', String(found.capture_to_verdict_ms.p50), 'ms'],
    ['capture to verdict p99', String(found.capture_to_verdict_ms.p99), 'ms'],
    ...(puback
      ? [
          ['capture to PUBACK p50', String(puback.p50), 'ms'],
          ['capture to PUBACK p99', String(puback.p99), 'ms'],
        ]
      : []),
    ...Object.entries(stages).map(([stage, ms]) => [`${stage}, mean`, String(ms), 'ms']),
    ['memory', String(found.rss_mb), 'MB'],
    ['first verdict after', String(found.first_verdict_ms), 'ms'],
  ];
}

/** Under what circumstances, in one line. */
function circumstances(found: Measurement): string {
  const { frames, refused, model, threads, broker, mqtt, unheard, machine } = found;
  const sent =
    broker === null
      ? 'no broker'
      : `${broker} (MQTT ${mqtt === 5 ? '5' : '3.1.1'}${unheard > 0 ? `, nobody subscribed for ${unheard}` : ''})`;
  const bad = refused > 0 ? `, ${refused} more could not be judged` : '';
  return `${frames} frames${bad}; ${model}; ${threads} threads; ${sent}; ${machine}`;
}

async function bench(options: BenchCommand): Promise<number> {
  using interrupt = onInterrupt();
  const { frames, broker = null, protocol, count, threads } = options;
  const [{ benchPipeline }, { resolveBundle }] = await Promise.all([
    import('../bench/pipeline-bench.ts'),
    import('../model/bundle.ts'),
  ]);
  const bundle = await resolveBundle(options.model, shippedModels());
  const isLive = isTerminal(process.stderr);
  const onProgress = (done: number): void => {
    if (isLive && done % 25 === 0) process.stderr.write(`\r${done} of ${count} frames `);
  };
  const { signal } = interrupt;
  const version = productVersion();
  try {
    const found = await benchPipeline({
      ...{ frames, bundle, count, threads, broker, protocol },
      ...{ version, signal, onProgress },
    });
    const text = options.json === true ? JSON.stringify(found) : table(rows(found)).join('\n');
    process.stdout.write(`${text}\n`);
    if (options.json !== true) process.stdout.write(`${circumstances(found)}\n`);
    return found.refused > 0 ? EXIT.partial : EXIT.ok;
  } finally {
    if (isLive) process.stderr.write('\r\x1b[K');
  }
}
