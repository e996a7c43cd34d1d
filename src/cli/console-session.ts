import { readFile } from 'node:fs/promises';
import { systemClock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { createLog } from '../platform/log.ts';
import { EXIT } from './exit-codes.ts';
import { aborted, onInterrupt } from './interrupt.ts';
import { shippedModels } from './models-folder.ts';
import { productVersion } from './product-version.ts';
import { paint } from './terminal.ts';

/** What `specta console` is asked for. */
export interface ConsoleOptions {
  readonly broker: string;
  readonly brokerUsername?: string;
  readonly brokerPasswordFile?: string;
  readonly brokerCaFile?: string;
  readonly brokerCert?: string;
  readonly brokerKey?: string;
  readonly listen: string;
  readonly passwordFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly model?: string;
  readonly vehicle?: string;
  readonly folder: string;
  readonly clientId?: string;
}

async function fileOf(option: string, file: string | undefined): Promise<Buffer | null> {
  if (file === undefined) return null;
  try {
    return await readFile(file);
  } catch (error) {
    throw new SpectaError(
      'CONFIG_UNREADABLE',
      `${option} ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'Check the name given and that this user may read it.',
      error,
    );
  }
}

/** Serves the page until Ctrl-C; gives the exit status. */
export async function serveConsole(options: ConsoleOptions): Promise<number> {
  using interrupt = onInterrupt();
  const [{ listenAddress, checkDoor }, { startConsole }, { resolveBundle }] = await Promise.all([
    import('../console/access.ts'),
    import('../console/console.ts'),
    import('../model/bundle.ts'),
  ]);
  const [password, certificate, key] = await Promise.all([
    fileOf('--password-file', options.passwordFile),
    fileOf('--tls-cert', options.tlsCert),
    fileOf('--tls-key', options.tlsKey),
  ]);
  if ((certificate === null) !== (key === null))
    throw new SpectaError('USAGE', '--tls-cert and --tls-key belong together.', 'Give both, or neither.');
  const door = {
    ...listenAddress(options.listen),
    password: password === null ? null : password.toString('utf8').replace(/\r?\n$/, ''),
    tls: certificate !== null && key !== null ? { certificate, key } : null,
  };
  if (door.password === '')
    throw new SpectaError('CONFIG_INVALID', 'The password file is empty.', 'Write a password into it.');
  checkDoor(door);
  const bundle = options.model === undefined ? null : await resolveBundle(options.model, shippedModels());
  await using running = await startConsole({
    ...{ broker: options.broker, username: options.brokerUsername, passwordFile: options.brokerPasswordFile },
    ...{ caFile: options.brokerCaFile, certificateFile: options.brokerCert, keyFile: options.brokerKey },
    ...{ vehicle: options.vehicle ?? null, clientId: options.clientId },
    ...{ folder: options.folder, door, bundle, version: productVersion() },
    clock: systemClock,
    log: createLog(process.env.SPECTA_LOG_LEVEL ?? 'warn'),
    signal: interrupt.signal,
  });
  const { dim, bold } = paint(process.stdout);
  process.stdout.write(`The console is at ${bold(running.url)}; Ctrl-C ends\n`);
  process.stdout.write(dim(`broker ${options.broker}; history in ${options.folder}\n`));
  await aborted(interrupt.signal);
  interrupt.throwIfOutputFailed();
  return EXIT.ok;
}
