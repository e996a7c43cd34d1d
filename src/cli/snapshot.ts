import type { Command } from 'commander';
import { nodeFiles, writeDurably } from '../platform/files.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import type { Finish } from './program.ts';
import { duration } from './terminal.ts';
import { DAEMON_HELP, daemonOptions, socketOf, type WhichDaemon } from './which-daemon.ts';

interface SnapshotOptions extends WhichDaemon {
  readonly to: string;
  readonly json?: boolean;
}

/** A sight older than this is told as such, s. */
const OLD_SECONDS = 5;

export function registerSnapshot(program: Command, finish: Finish): void {
  daemonOptions(program.command('snapshot'))
    .description('write the newest frame that the running daemon judged into a file')
    .requiredOption('--to <file>', 'the picture; a JPEG, or what the camera gives')
    .option('--json', 'one object: file, width, height, contentType, sight')
    .addHelpText(
      'after',
      `
${DAEMON_HELP}

Examples:
  $ specta snapshot --to now.jpg
  $ specta snapshot --to now.jpg --json`,
    )
    .action(async (options: SnapshotOptions) => finish(await snapshot(options)));
}

async function snapshot(options: SnapshotOptions): Promise<number> {
  using interrupt = onInterrupt();
  const [{ askDaemon }, { sightInWords }] = await Promise.all([
    import('../daemon/control/ask-daemon.ts'),
    import('./vehicle-words.ts'),
  ]);
  const taken = await askDaemon(await socketOf(options), 'snapshot', {}, interrupt.signal);
  const { sight, contentType, width, height, image } = taken;
  await writeDurably(nodeFiles, options.to, Buffer.from(image, 'base64'));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ file: options.to, width, height, contentType, sight })}\n`);
  } else {
    process.stdout.write(`${options.to}: ${width}x${height} ${contentType}, ${sightInWords(sight)}\n`);
    if (sight.ageSeconds > OLD_SECONDS)
      process.stderr.write(`It was taken ${duration(sight.ageSeconds)} ago: no newer frame was judged.\n`);
  }
  return EXIT.ok;
}
