import { Command, CommanderError } from 'commander';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import { registerBench } from './bench.ts';
import { registerClassify } from './classify.ts';
import { registerCompare } from './compare.ts';
import { registerConsole } from './console.ts';
import { registerDemo } from './demo.ts';
import { registerDoctor } from './doctor.ts';
import { EXIT, EXIT_HELP, exitStatusOf } from './exit-codes.ts';
import { registerExport } from './export.ts';
import { registerExportTraining } from './export-training.ts';
import { Interrupted } from './interrupt.ts';
import { registerLight } from './light.ts';
import { registerModel } from './model.ts';
import { registerPredive } from './predive.ts';
import { productVersion } from './product-version.ts';
import { registerReport } from './report.ts';
import { registerRequest } from './request.ts';
import { registerRun } from './run.ts';
import { registerSnapshot } from './snapshot.ts';
import { registerStatus } from './status.ts';
import { paint } from './terminal.ts';
import { registerWatch } from './watch.ts';

const EXAMPLES = `Examples:
  $ specta demo                               an inspection of rendered footage; what is simulated is named
  $ specta run --config /etc/specta.yaml      the daemon
  $ specta classify pictures/ --json          one verdict a line
  $ specta watch --broker mqtt://vessel:1883  alerts as they come
  $ specta console --broker mqtt://vessel:1883  the operator's page in a browser
  $ specta doctor                             what is there, what is missing, what to do
  $ specta predive                            red or green before the dive
  $ specta report latest --out report         the report of the last inspection
  $ specta status                             how the running daemon is`;

/** What a command reports back to the command line: its exit status. */
export type Finish = (status: number) => void;

/** Prints an error for people on standard error: what happened, what to do, its code. */
function printError(error: SpectaError): void {
  const { bold, dim, red } = paint(process.stderr);
  process.stderr.write(`${red(bold('error'))} ${error.message}\n${error.help} ${dim(`[${error.code}]`)}\n`);
  if (error.code === 'INTERNAL' && error.cause instanceof Error)
    process.stderr.write(`${dim(error.cause.stack ?? '')}\n`);
}

/** What commander says of wrong words, in SPECTA's own terms. */
function usageError({ message }: CommanderError): SpectaError {
  const what = message.replace(/^error: /, '').replace(/\n/g, ' ');
  return new SpectaError(
    'USAGE',
    `${what}${/[.)?]$/.test(what) ? '' : '.'}`,
    'Add --help for what there is.',
  );
}

/**
 * Runs one command.
 * @param argv the words after `specta`
 * @returns the exit status, see `exit-codes.ts`
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  let status: number = EXIT.ok;
  const finish: Finish = (given) => {
    status = given;
  };
  // A reader that has gone away ends a command by its own handler; unheard, the error would be a stack trace.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const program = new Command('specta')
    .description('Subsea Pipeline Edge Classification, Telemetry and Alerting')
    .version(productVersion())
    .exitOverride()
    // So that run's --config and that of run start are two.
    .enablePositionalOptions()
    // Wrong words are told in SPECTA's own way, below.
    .configureOutput({ outputError: () => undefined })
    .addHelpText('after', `\n${EXIT_HELP}\n\n${EXAMPLES}`);
  registerRun(program, finish);
  registerStatus(program, finish);
  registerLight(program, finish);
  registerSnapshot(program, finish);
  registerRequest(program, finish);
  registerDemo(program, finish);
  registerClassify(program, finish);
  registerWatch(program, finish);
  registerConsole(program, finish);
  registerDoctor(program, finish);
  registerPredive(program, finish);
  registerReport(program, finish);
  registerExport(program, finish);
  registerBench(program, finish);
  registerModel(program, finish);
  registerCompare(program, finish);
  registerExportTraining(program, finish);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof Interrupted) return error.exitStatus;
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // No command at all: commander has printed the help.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    const known = error instanceof CommanderError ? usageError(error) : asSpectaError(error);
    printError(known);
    return exitStatusOf(known.code);
  }
}
