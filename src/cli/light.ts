import type { Command } from 'commander';
import { createLog } from '../platform/log.ts';
import type { DataOf, RequestName, RequestOf } from '../surface/messages/request.ts';
import { positiveNumber } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import type { Finish } from './program.ts';
import { DAEMON_HELP, daemonOptions, socketOf, type WhichDaemon } from './which-daemon.ts';

interface LightOptions extends WhichDaemon {
  readonly json?: boolean;
  readonly seconds?: number;
}

export function registerLight(program: Command, finish: Finish): void {
  const light = program.command('light').description('the alert light: test, acknowledge, status, safe');
  light.addHelpText(
    'after',
    `
Exit status: that of its commands; see specta light test --help.

Examples:
  $ specta light test
  $ specta light acknowledge`,
  );
  const asking = (name: string, description: string, example: string): Command =>
    daemonOptions(light.command(name))
      .description(description)
      .option('--json', "one object: the answer's data, as docs/messages/requests describes")
      .addHelpText('after', `\n${DAEMON_HELP}\n\nExamples:\n  $ ${example}`);
  asking('test', 'blink the lamp, whatever it shows otherwise', 'specta light test --seconds 5')
    .option('--seconds <s>', 'how long, up to 60', positiveNumber('--seconds'))
    .action(async (options: LightOptions) => finish(await test(options)));
  asking(
    'acknowledge',
    'say that a person knows of the cracks: ends what latch and hold keep lit',
    'specta light acknowledge',
  ).action(async (options: LightOptions) => finish(await acknowledge(options)));
  asking('status', 'what the lamp shows and why', 'specta light status').action(
    async (options: LightOptions) => finish(await lightStatus(options)),
  );
  light
    .command('safe')
    .description(
      'without the daemon: take the line, write its safe level and give it back; systemd runs it after the daemon has ended',
    )
    .requiredOption('--config <file>', 'the configuration (YAML)')
    .addHelpText(
      'after',
      `
Exit status: 0 the safe level was written (or the light is simulated); 69 the line cannot be taken, as while the
daemon runs and holds it.

Examples:
  $ specta light safe --config /etc/specta/specta.yaml`,
    )
    .action(async (options: { config: string }) => finish(await makeSafe(options.config)));
}

async function ask<Name extends RequestName>(
  options: WhichDaemon,
  name: Name,
  request: RequestOf<Name>,
): Promise<DataOf<Name>> {
  using interrupt = onInterrupt();
  const { askDaemon } = await import('../daemon/control/ask-daemon.ts');
  return askDaemon(await socketOf(options), name, request, interrupt.signal);
}

function tell({ json }: LightOptions, data: unknown, words: string): number {
  process.stdout.write(`${json ? JSON.stringify(data) : words}\n`);
  return EXIT.ok;
}

async function test(options: LightOptions): Promise<number> {
  const { seconds } = options;
  const data = await ask(options, 'light/test', seconds === undefined ? {} : { seconds });
  const { line, kind, held } = data.light;
  const lamp =
    kind === 'simulated'
      ? 'The light is simulated: no lamp blinks.'
      : held
        ? `The lamp on ${line} blinks now.`
        : `The line ${line} is not held: the lamp will blink when the daemon has it.`;
  return tell(options, data, lamp);
}

async function acknowledge(options: LightOptions): Promise<number> {
  const data = await ask(options, 'light/acknowledge', {});
  const words = data.ended
    ? `Acknowledged; the light shows ${data.light.shows} now.`
    : `There was nothing to acknowledge; the light shows ${data.light.shows}.`;
  return tell(options, data, words);
}

async function lightStatus(options: LightOptions): Promise<number> {
  const [{ light }, { lightInWords }] = await Promise.all([
    ask(options, 'status', {}),
    import('./vehicle-words.ts'),
  ]);
  return tell(options, light, lightInWords(light));
}

async function makeSafe(file: string): Promise<number> {
  const [{ loadConfig }, { lightPolicy, lineConfig }, { openLine }] = await Promise.all([
    import('../daemon/load-config.ts'),
    import('../daemon/part-options.ts'),
    import('../light/gpio/open-line.ts'),
  ]);
  const config = await loadConfig(file, process.env);
  const log = createLog(config.log.level);
  const { safeLevel } = lightPolicy(config);
  const line = openLine(lineConfig(config));
  const isSafeLit = safeLevel === 'on';
  line.open(isSafeLit);
  const { description } = line;
  line.close(isSafeLit);
  log.info({ line: description, level: safeLevel }, 'the light is at its safe level');
  return EXIT.ok;
}
