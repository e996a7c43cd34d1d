import type { Command } from 'commander';
import { wholeNumber } from './arguments.ts';
import type { Finish } from './program.ts';

/** What `specta compare` is asked for. */
export interface CompareOptions {
  readonly run: string;
  readonly out: string;
  readonly config?: string;
  readonly provider: string;
  readonly threads: number;
  readonly json?: boolean;
}

export function registerCompare(program: Command, finish: Finish): void {
  program
    .command('compare')
    .description('replay recorded frames through two models: where they differ, with pictures')
    .argument('<a>', 'a bundle folder, or name[@version]: shipped, or on board with --config')
    .argument('<b>', 'the other one')
    .requiredOption('--run <run>', 'a folder of pictures, or a run of the vehicle of --config by its id')
    .option('--out <dir>', 'where compare.html and compare.json go', 'comparison')
    .option('--config <file>', 'the configuration of a vehicle: its models on board, and its record')
    .option('--provider <name>', 'execution provider', 'cpu')
    .option('--threads <n>', 'threads inside one inference', wholeNumber('--threads', 1, 64), 2)
    .option('--json', 'print what compare.json holds')
    .addHelpText(
      'after',
      `
Of a run its record keeps the pictures of findings; a folder may hold every frame.

Exit status: 0 every frame was judged by both, whether they agree or not; 2 some could not be read.

Examples:
  $ specta compare specta-32x2@0.1.1 out/new --run footage/
  $ specta compare specta-32x2@0.1.1 specta-32x2@0.2.0 --run R-20260520T093000Z-7d0c6a52 --config /etc/specta/specta.yaml`,
    )
    .action(async (a: string, b: string, options: CompareOptions) =>
      finish(await (await import('./comparison.ts')).compare(a, b, options)),
    );
}
