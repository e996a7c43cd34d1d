import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import type { Finish } from './program.ts';
import { paint } from './terminal.ts';
import { DAEMON_HELP, daemonOptions, socketOf, type WhichDaemon } from './which-daemon.ts';

interface StatusOptions extends WhichDaemon {
  readonly json?: boolean;
}

export function registerStatus(program: Command, finish: Finish): void {
  daemonOptions(program.command('status'))
    .description('how the running daemon is: its parts, what it sees, light, run, outbox, link')
    .option('--json', 'one object, as docs/messages/requests/status.answer.json describes its data')
    .addHelpText(
      'after',
      `
${DAEMON_HELP}

Examples:
  $ specta status
  $ specta status --config specta.yaml --json`,
    )
    .action(async (options: StatusOptions) => finish(await status(options)));
}

async function status(options: StatusOptions): Promise<number> {
  using interrupt = onInterrupt();
  const [{ askDaemon }, { statusLines }] = await Promise.all([
    import('../daemon/control/ask-daemon.ts'),
    import('./vehicle-words.ts'),
  ]);
  const facts = await askDaemon(await socketOf(options), 'status', {}, interrupt.signal);
  const text = options.json ? JSON.stringify(facts) : statusLines(facts, paint(process.stdout)).join('\n');
  process.stdout.write(`${text}\n`);
  return EXIT.ok;
}
