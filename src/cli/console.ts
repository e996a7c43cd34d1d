import type { Command } from 'commander';
import { brokerAddress } from './arguments.ts';
import type { ConsoleOptions } from './console-session.ts';
import { historyFolder } from './history-folder.ts';
import type { Finish } from './program.ts';

export function registerConsole(program: Command, finish: Finish): void {
  program
    .command('console')
    .description("the operator's page in a browser: every vehicle of a broker, findings, stills, light, runs")
    .option('--broker <url>', 'the broker', brokerAddress('--broker'), 'mqtt://127.0.0.1:1883')
    .option('--broker-username <name>', 'for a broker that asks for one')
    .option('--broker-password-file <file>', 'a file with the password for the broker in it')
    .option(
      '--broker-ca-file <file>',
      "with mqtts://: the authority that vouches for the broker's certificate",
    )
    .option('--broker-cert <file>', 'a certificate of our own for the broker')
    .option('--broker-key <file>', 'its key')
    .option('--listen <host:port>', 'where the page is served', '127.0.0.1:8080')
    .option('--password-file <file>', 'a file with the password that the page asks for')
    .option('--tls-cert <file>', "the page's certificate; with --tls-key")
    .option('--tls-key <file>', 'its key')
    .option('--model <bundle>', 'judge dropped pictures here: a bundle folder, or name[@version]')
    .option('--vehicle <name>', 'only this vehicle')
    .option('--folder <dir>', 'keeps the history', historyFolder('console'))
    .option('--client-id <id>', "at the broker (default: the history's own, always the same)")
    .addHelpText(
      'after',
      `
The history stays in --folder, so that a browser may be closed; the broker keeps what comes while the console is off.
Beyond this machine the page needs --password-file, --tls-cert and --tls-key.
Exit status: 0 ended by Ctrl-C; 69 the page's port is taken; 74 the history cannot be kept; 78 a setting is wrong.

Examples:
  $ specta console --broker mqtt://vessel:1883
  $ specta console --broker mqtts://vessel --broker-ca-file ca.pem --listen 0.0.0.0:8443 \\
      --password-file page.password --tls-cert page.pem --tls-key page.key`,
    )
    .action(async (options: ConsoleOptions) => {
      const { serveConsole } = await import('./console-session.ts');
      finish(await serveConsole(options));
    });
}
