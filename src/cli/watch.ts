import { hostname } from 'node:os';
import type { Command } from 'commander';
import { SEVERITIES } from '../console/severities.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import { topicsOf } from '../surface/topics.ts';
import { brokerAddress, oneOf, wholeNumber } from './arguments.ts';
import { historyFolder } from './history-folder.ts';
import type { Finish } from './program.ts';
import type { WatchTableOptions } from './watch-table.ts';
import type { WatchOptions } from './watching.ts';

export function registerWatch(program: Command, finish: Finish): void {
  program
    .command('watch')
    .description('subscribe to the alerts of one vehicle, or of all, and show them as they come')
    .option('--broker <url>', 'the broker', brokerAddress('--broker'), 'mqtt://127.0.0.1:1883')
    .option('--username <name>', 'for a broker that asks for one')
    .option('--password-file <file>', 'a file with the password in it')
    .option('--ca-file <file>', "with mqtts://: the authority that vouches for the broker's certificate")
    .option('--vehicle <name>', 'only this vehicle', vehicleName)
    .option('--class <defect>', 'only corrosion, or only crack', oneOf('--class', DEFECT_CLASSES))
    .option(
      '--client-id <id>',
      'name of this subscription: the broker keeps its alerts while it is away (up to a week); two at once need two names',
      `specta-watch-${hostname()}`,
    )
    .option('--count <n>', 'end after so many alerts', wholeNumber('--count'))
    .option('--json', 'one alert a line, as received')
    .option('--table', 'vehicles and findings as one table that stays in place; needs a terminal')
    .option(
      '--severity <least>',
      'with --table: only findings at least so severe',
      oneOf('--severity', SEVERITIES),
    )
    .option('--unacknowledged', 'with --table: only findings that nobody has acknowledged')
    .option('--folder <dir>', 'with --table: keeps what was heard', historyFolder('watch'))
    .addHelpText(
      'after',
      `
Exit status: 0 ended by Ctrl-C, or --count alerts were shown; 2 some message was none of SPECTA's and is not shown;
with --table 2 when a message could not be read; 69 the broker cannot be reached or refuses; 130 ended by Ctrl-C before --count alerts had come.

Examples:
  $ specta watch --broker mqtt://vessel:1883
  $ specta watch --table --severity high
  $ specta watch --vehicle rov-1 --class crack --json | tee cracks.jsonl`,
    )
    .action(async (options: WatchOptions & WatchTableOptions & { readonly table?: boolean }) => {
      if (options.table !== true) {
        const { watch } = await import('./watching.ts');
        finish(await watch(options));
        return;
      }
      const { watchTable } = await import('./watch-table.ts');
      finish(await watchTable(options));
    });
}

function vehicleName(text: string): string {
  try {
    return topicsOf(text).vehicle;
  } catch (error) {
    const { message, help } = asSpectaError(error);
    throw new SpectaError('USAGE', `--vehicle ${message}`, help, error);
  }
}
