import type { Command } from 'commander';
import type { Config } from '../daemon/config.ts';
import type { ServingModel } from '../daemon/model-to-serve.ts';
import type { FlashedModels } from '../daemon/trial/flashed-models.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { BundleId } from '../model/admission.ts';
import { SpectaError } from '../platform/errors.ts';
import type { FileSystem } from '../platform/files.ts';
import type { Logger } from '../platform/log.ts';
import { EXIT } from './exit-codes.ts';
import { aborted, Interrupted, onInterrupt } from './interrupt.ts';
import { shippedModels } from './models-folder.ts';
import { productVersion } from './product-version.ts';
import type { Finish } from './program.ts';
import { DAEMON_HELP, daemonOptions, socketOf, type WhichDaemon } from './which-daemon.ts';

export function registerRun(program: Command, finish: Finish): void {
  const run = program.command('run');
  run
    .description(
      'the daemon: camera to verdicts, findings, light, record and surface, until SIGTERM; run start and run stop begin and end an inspection of the running one',
    )
    .enablePositionalOptions()
    .option('--config <file>', 'the configuration (YAML); every key can be overridden by SPECTA_… variables')
    .addHelpText(
      'after',
      `
Exit status: 0 stopped by a signal, in order; else see specta --help.

Examples:
  $ specta run --config device/specta.example.yaml
  $ SPECTA_CAMERA_URI=replay:frames SPECTA_STATE_FOLDER=./state specta run --config specta.yaml
  $ specta run stop && specta run start       end the run under way and begin another`,
    )
    .action(async ({ config }: { config?: string }) => {
      if (config === undefined) {
        throw new SpectaError(
          'USAGE',
          'The daemon needs a configuration.',
          'Give it with --config FILE; to begin or end an inspection of the running daemon: specta run start, run stop.',
        );
      }
      finish(await runDaemon(config));
    });
  const asking = (name: string, description: string): Command =>
    daemonOptions(run.command(name))
      .description(description)
      .option('--json', "one object: the answer's data, as docs/messages/requests describes")
      .addHelpText('after', `\n${DAEMON_HELP}\n\nExamples:\n  $ specta run ${name}`);
  asking('start', 'begin a run of the running daemon, unless one is under way').action(
    async (options: RunOptions) => finish(await startRun(options)),
  );
  asking(
    'stop',
    'end the run under way; the next one begins with run start, or at the next start of the daemon',
  ).action(async (options: RunOptions) => finish(await stopRun(options)));
}

interface RunOptions extends WhichDaemon {
  readonly json?: boolean;
}

async function startRun(options: RunOptions): Promise<number> {
  using interrupt = onInterrupt();
  const { askDaemon } = await import('../daemon/control/ask-daemon.ts');
  const data = await askDaemon(await socketOf(options), 'run/start', {}, interrupt.signal);
  const words = data.began
    ? `The run ${data.run.id} has begun.`
    : `The run ${data.run.id} is under way already.`;
  process.stdout.write(`${options.json ? JSON.stringify(data) : words}\n`);
  return EXIT.ok;
}

async function stopRun(options: RunOptions): Promise<number> {
  using interrupt = onInterrupt();
  const { askDaemon } = await import('../daemon/control/ask-daemon.ts');
  const data = await askDaemon(await socketOf(options), 'run/stop', {}, interrupt.signal);
  const words = data.run === null ? 'No run was under way.' : `The run ${data.run.id} has ended.`;
  process.stdout.write(
    `${options.json ? JSON.stringify(data) : `${words} None begins by itself until the daemon starts anew.`}\n`,
  );
  return EXIT.ok;
}

/** A folder that cannot be looked at may hold models: what is wrong with it is told where they are opened. */
async function mayHoldModels(fs: FileSystem, folder: string): Promise<boolean> {
  try {
    return (await fs.stat(folder)) !== null;
  } catch {
    // Told by whoever opens it.
    return true;
  }
}

/** What serves, as the slots say, and where others can be flashed to; a state folder without models is not touched. */
async function modelsOnBoard(
  config: Config,
  boot: string,
  log: Logger,
): Promise<FlashedModels & Pick<ServingModel, 'bundle'>> {
  const [{ resolveBundle }, { modelToServe, modelsIn }, { nodeFiles }, { openStore }] = await Promise.all([
    import('../model/bundle.ts'),
    import('../daemon/model-to-serve.ts'),
    import('../platform/files.ts'),
    import('./model-store-of.ts'),
  ]);
  let opened: Promise<Bundle> | null = null;
  const shipped = (): Promise<Bundle> => {
    opened ??= resolveBundle(config.model.bundle, config.modelsFolder ?? shippedModels());
    return opened;
  };
  const floor = await shipped().then(
    ({ manifest: { name, version }, digest }): BundleId => ({ name, version, digest }),
    (error: unknown) => {
      log.error({ error }, 'the model that came with SPECTA cannot be read');
      return null;
    },
  );
  const store = openStore(config, { shipped: floor, fs: nodeFiles, patienceMs: 2_000 });
  const there = await mayHoldModels(nodeFiles, modelsIn(config.stateFolder));
  const serving = there
    ? await modelToServe(store, shipped, boot, log)
    : ({ bundle: await shipped(), slot: 'current', signature: 'shipped' } as const);
  return { store, shipped, ...serving };
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
  const [{ startDaemon }, { Service }, { serviceManager }, { systemClock }, { startBoot }] =
    await Promise.all([
      import('../daemon/daemon.ts'),
      import('../daemon/service.ts'),
      import('../platform/systemd.ts'),
      import('../platform/clock.ts'),
      import('../platform/boot.ts'),
    ]);
  const boot = startBoot({ clock: systemClock });
  const { bundle, ...models } = await modelsOnBoard(config, boot.id, log);
  const service = new Service(serviceManager(), systemClock, log);
  try {
    const daemon = await startDaemon(config, {
      log,
      version: productVersion(),
      bundle,
      models,
      boot,
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
