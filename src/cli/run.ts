import type { Command } from 'commander';
import { EXIT } from './exit-codes.ts';
import { aborted, Interrupted, onInterrupt } from './interrupt.ts';
import { shippedModels } from './models-folder.ts';
import { productVersion } from './product-version.ts';
import type { Finish } from './program.ts';

export function registerRun(program: Command, finish: Finish): void {
  program
    .command('run')
    .description('the daemon: camera to verdicts, findings, light, record and surface, until SIGTERM')
    .requiredOption(
      '--config <file>',
      'the configuration (YAML); every key can be overridden by SPECTA_… variables',
    )
    .addHelpText(
      'after',
      `
Exit status: 0 stopped by a signal, in order; else see specta --help.

Examples:
  $ specta run --config device/specta.example.yaml
  $ SPECTA_CAMERA_URI=replay:frames SPECTA_STATE_FOLDER=./state specta run --config specta.yaml`,
    )
    .action(async (options: { config: string }) => finish(await runDaemon(options.config)));
}

/** Runs the daemon until a stop signal; a second signal does not hurry it: its stop is bounded. */
async function runDaemon(file: string): Promise<number> {
  using interrupt = onInterrupt();
  const [{ loadConfig }, { createLog }] = await Promise.all([
    import('../daemon/load-config.ts'),
    import('../platform/log.ts'),
  ]);
  const config = await loadConfig(file, process.env);
  const log = createLog(config.log.level);
  const [{ startDaemon }, { resolveBundle }, { Service }, { serviceManager }, { systemClock }] =
    await Promise.all([
      import('../daemon/daemon.ts'),
      import('../model/bundle.ts'),
      import('../daemon/service.ts'),
      import('../platform/systemd.ts'),
      import('../platform/clock.ts'),
    ]);
  const bundle = await resolveBundle(config.model.bundle, config.modelsFolder ?? shippedModels());
  const service = new Service(serviceManager(), systemClock, log);
  try {
    const daemon = await startDaemon(config, {
      log,
      version: productVersion(),
      bundle,
      onEvent: (event) => service.hear(event),
      signal: interrupt.signal,
    });
    service.watch(daemon);
    log.info('watching');
    await aborted(interrupt.signal);
    log.info({ signal: interrupt.received }, 'stopping');
    service.stopping(`${interrupt.received} was received`);
    await daemon.stop();
  } catch (error) {
    service.stopping(error instanceof Error ? error.message : String(error));
    // A stop signal that came while parts were starting ends the start; that is no fault.
    if (!(error instanceof Interrupted)) throw error;
  } finally {
    service.close();
  }
  log.info('stopped');
  return EXIT.ok;
}
