import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { positiveNumber, wholeNumber } from './arguments.ts';
import type { DemoOptions } from './demonstration.ts';
import { DEMO_BUNDLE } from './models-folder.ts';
import type { Finish } from './program.ts';

export function registerDemo(program: Command, finish: Finish): void {
  program
    .command('demo')
    .description(
      'the main job on this machine: rendered footage as camera, a broker in this process, a simulated light',
    )
    .option('--footage <dir>', 'a folder of pictures instead of the rendered run')
    .option('--rate <fps>', 'frames a second', positiveNumber('--rate'), 10)
    .option('--once', 'one inspection, then end')
    .option(
      '--port <n>',
      'of the broker on 127.0.0.1; a free one is taken when it is busy',
      wholeNumber('--port', 0, 65_535),
      1883,
    )
    .option(
      '--console-port <n>',
      "of the operator's page on 127.0.0.1; a free one is taken when it is busy",
      wholeNumber('--console-port', 0, 65_535),
      8080,
    )
    .option('--model <bundle>', 'a bundle folder, or name[@version]', DEMO_BUNDLE)
    .option(
      '--folder <dir>',
      "for the rendered run, the stills and the record (default: .specta in SPECTA's own folder)",
    )
    .option(
      '--trusted-key <key>',
      'models signed with it can be flashed into the demo (ed25519:…); may be repeated',
      (value: string, before: readonly string[]) => [...before, value],
      [],
    )
    .addHelpText(
      'after',
      `
Its configuration is specta.yaml in its state folder: specta model flash FILE --config …/specta.yaml, specta status --config …

Exit status: 0 ended by Ctrl-C, or with --once at the end of the footage; 2 with --once when no frame could be judged;
130 ended by Ctrl-C before it had begun.

Examples:
  $ specta demo
  $ specta demo --once --rate 30
  $ specta demo --footage my-stills/ --rate 2`,
    )
    .action(async (options: Omit<DemoOptions, 'folder'> & { folder?: string }) => {
      const folder = options.folder ?? fileURLToPath(new URL('../../.specta', import.meta.url));
      const { demonstrate } = await import('./demonstration.ts');
      finish(await demonstrate({ ...options, folder }));
    });
}
