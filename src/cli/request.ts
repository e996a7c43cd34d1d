import type { Command } from 'commander';
import { EXIT, exitStatusOf } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import type { Finish } from './program.ts';
import { DAEMON_HELP, daemonOptions, socketOf, type WhichDaemon } from './which-daemon.ts';

export function registerRequest(program: Command, finish: Finish): void {
  daemonOptions(program.command('request'))
    .description('send any request to the running daemon and print its answer as it comes')
    .argument('<name>', 'as in light/test: the same names as below request/ over MQTT')
    .argument('[json]', 'what it carries, as docs/messages/requests describes')
    .addHelpText(
      'after',
      `
${DAEMON_HELP}

Examples:
  $ specta request status
  $ specta request light/test '{"seconds": 5, "transaction": "deck-1"}'`,
    )
    .action(async (name: string, json: string | undefined, options: WhichDaemon) =>
      finish(await sendRequest(name, json ?? '', options)),
    );
}

async function sendRequest(name: string, json: string, options: WhichDaemon): Promise<number> {
  using interrupt = onInterrupt();
  const [{ askRaw }, { answerSchema }, { z }] = await Promise.all([
    import('../daemon/control/ask-daemon.ts'),
    import('../surface/messages/request.ts'),
    import('zod'),
  ]);
  const text = await askRaw(await socketOf(options), name, json, interrupt.signal);
  process.stdout.write(`${text}\n`);
  const answer = answerSchema(z.unknown()).parse(JSON.parse(text));
  return answer.error === null ? EXIT.ok : exitStatusOf(answer.error.code);
}
