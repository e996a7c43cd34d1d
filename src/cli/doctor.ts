import type { Command } from 'commander';
import type { Config } from '../daemon/config.ts';
import type { DaemonSight } from '../doctor/daemon-sight.ts';
import { type Check, type CheckResult, examine, failed, good, worst } from '../doctor/examination.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { EngineChoice } from '../vision/engine/engine.ts';
import { brokerAddress } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import { DEFAULT_BUNDLE, shippedModels } from './models-folder.ts';
import type { Finish } from './program.ts';
import { paint } from './terminal.ts';
import { configuredSocket, socketOf } from './which-daemon.ts';

interface DoctorOptions {
  readonly config?: string;
  readonly broker?: string;
  readonly socket?: string;
  readonly json?: boolean;
}

export function registerDoctor(program: Command, finish: Finish): void {
  program
    .command('doctor')
    .description(
      'look at what SPECTA needs here and say what to do about what is missing; changes nothing, takes nothing from a running daemon',
    )
    .option('--config <file>', 'look at the camera, light, disk and broker of this configuration too')
    .option('--broker <url>', 'look at this broker', brokerAddress('--broker'))
    .option('--socket <path>', 'ask the daemon on this control socket for what it holds')
    .option('--json', 'one object: health, and results with check, health, found, todo')
    .addHelpText(
      'after',
      `
Exit status: by the worst finding: 0 all good, or warnings only; 69 something is bad.

Examples:
  $ specta doctor
  $ specta doctor --config /etc/specta.yaml --json`,
    )
    .action(async (options: DoctorOptions) => finish(await doctor(options)));
}

interface Configured {
  readonly config: Config | null;
  /** What is to be said of the configuration itself; null when none was given. */
  readonly result: CheckResult | null;
}

/** A broken configuration is a finding like any other: the rest is looked at all the same. */
async function configured(file: string | undefined): Promise<Configured> {
  if (file === undefined) return { config: null, result: null };
  const { loadConfig } = await import('../daemon/load-config.ts');
  try {
    return { config: await loadConfig(file, process.env), result: good('config', file) };
  } catch (error) {
    return { config: null, result: failed('config', error) };
  }
}

async function checksFor(
  config: Config | null,
  daemon: DaemonSight,
  brokerOption: string | undefined,
): Promise<Check[]> {
  const [
    board,
    machine,
    model,
    engine,
    camera,
    light,
    disk,
    seen,
    permission,
    broker,
    { engineOptions },
    { servedNext },
    { resolveBundle },
  ] = await Promise.all([
    import('../doctor/board-checks.ts'),
    import('../doctor/machine-checks.ts'),
    import('../doctor/model-checks.ts'),
    import('../doctor/engine-checks.ts'),
    import('../doctor/camera-checks.ts'),
    import('../doctor/light-checks.ts'),
    import('../doctor/disk-check.ts'),
    import('../doctor/daemon-sight.ts'),
    import('../doctor/permission-check.ts'),
    import('../doctor/broker-check.ts'),
    import('../daemon/part-options.ts'),
    import('./model-store-of.ts'),
    import('../model/bundle.ts'),
  ]);
  const models = config?.modelsFolder ?? shippedModels();
  const serving = async (): Promise<Bundle> =>
    config === null ? resolveBundle(DEFAULT_BUNDLE, models) : (await servedNext(config)).bundle;
  const choice: EngineChoice = config ? engineOptions(config) : { provider: 'cpu', threads: 2 };
  const checks = [
    machine.runtimeCheck,
    board.systemCheck,
    board.boardCheck(config),
    permission.permissionCheck,
    machine.clockCheck,
    machine.temperatureCheck,
    board.powerCheck,
    machine.programsCheck,
    model.modelsCheck(models),
    engine.libraryCheck(config),
    engine.tensorflowCheck(config),
    model.engineCheck(serving, choice, daemon),
    camera.camerasCheck(config),
    light.chipsCheck,
    light.sysfsCheck(config),
  ];
  // Where nothing is installed and nothing configured, a daemon is not missed.
  if (config !== null || daemon.kind !== 'absent') checks.unshift(seen.daemonCheck(daemon));
  if (config !== null) {
    checks.push(
      camera.cameraCheck(config, daemon),
      light.lightCheck(config, daemon),
      disk.diskCheck(config.stateFolder),
    );
  }
  if (brokerOption !== undefined)
    checks.push(broker.brokerCheck({ broker: brokerOption, vehicle: 'doctor' }));
  else if (config !== null) checks.push(broker.brokerCheck({ ...config.surface, vehicle: config.vehicle }));
  return checks;
}

function lines({ check, health, found, todo }: CheckResult): string {
  const { bold, dim, green, red, yellow } = paint(process.stdout);
  const marks = { good: green('good   '), warning: yellow('warning'), bad: red('bad    ') };
  const head = `${marks[health]}  ${bold(check.padEnd(11))} ${found}\n`;
  return todo === null ? head : `${head}${' '.repeat(21)} ${dim(`→ ${todo}`)}\n`;
}

async function doctor(options: DoctorOptions): Promise<number> {
  using interrupt = onInterrupt();
  const { config, result } = await configured(options.config);
  const results: CheckResult[] = [];
  const tell = (found: CheckResult): void => {
    results.push(found);
    if (options.json !== true) process.stdout.write(lines(found));
  };
  if (result !== null) tell(result);
  const { seeDaemon } = await import('../doctor/daemon-sight.ts');
  const socket = options.socket ?? (config === null ? await socketOf({}) : await configuredSocket(config));
  const daemon = await seeDaemon(socket, config?.stateFolder ?? null, interrupt.signal);
  const checks = await checksFor(config, daemon, options.broker);
  for await (const found of examine(checks, interrupt.signal)) tell(found);
  const health = worst(results);
  if (options.json === true) process.stdout.write(`${JSON.stringify({ health, results })}\n`);
  return health === 'bad' ? EXIT.unavailable : EXIT.ok;
}
