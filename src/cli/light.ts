import type { Command } from 'commander';
import { createLog } from '../platform/log.ts';
import { EXIT } from './exit-codes.ts';
import type { Finish } from './program.ts';

export function registerLight(program: Command, finish: Finish): void {
  const light = program.command('light').description('the alert light, without the daemon');
  light
    .command('safe')
    .description(
      'take the line, write its safe level and give it back; systemd runs it after the daemon has ended',
    )
    .requiredOption('--config <file>', 'the configuration (YAML)')
    .addHelpText(
      'after',
      `
Exit status: 0 the safe level was written (or the light is simulated); 69 the line cannot be taken, as while the
daemon runs and holds it.

Example:
  $ specta light safe --config /etc/specta/specta.yaml`,
    )
    .action(async (options: { config: string }) => finish(await makeSafe(options.config)));
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
