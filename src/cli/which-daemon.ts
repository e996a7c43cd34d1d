import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../daemon/config.ts';

/** Which daemon on this board is meant. */
export interface WhichDaemon {
  readonly config?: string;
  readonly socket?: string;
}

/** The options by which a command's daemon is named. */
export function daemonOptions(command: Command): Command {
  return command
    .option('--config <file>', 'the daemon that runs with this configuration')
    .option('--socket <path>', 'the daemon that listens on this control socket');
}

/** The same for every command that asks the daemon. */
export const DAEMON_HELP = `Without --config and --socket the service's daemon is asked (/run/specta/control.sock).

Exit status: 0 done; 69 no daemon answers; 76 it refuses; 77 this user may not ask it: root and the group specta may.`;

/** The control socket of the daemon that is meant. Throws what reading the configuration throws. */
export async function socketOf({ config: file, socket }: WhichDaemon): Promise<string> {
  if (socket !== undefined) return socket;
  if (file === undefined) {
    const { SERVICE_SOCKET } = await import('../daemon/control/socket-path.ts');
    return process.env.SPECTA_CONTROL_SOCKET ?? SERVICE_SOCKET;
  }
  const { loadConfig } = await import('../daemon/load-config.ts');
  return configuredSocket(await loadConfig(file, process.env));
}

/**
 * The control socket of the daemon on this configuration's state folder: as the daemon wrote down when it took the
 * folder, else where it would be.
 */
export async function configuredSocket({ control, stateFolder }: Config): Promise<string> {
  const [{ readHolder }, { SERVICE_SOCKET }] = await Promise.all([
    import('../daemon/control/state-lock.ts'),
    import('../daemon/control/socket-path.ts'),
  ]);
  if (control.socket !== null) return control.socket;
  const written = readHolder(stateFolder)?.socket;
  if (written !== undefined) return written;
  const own = join(stateFolder, 'control.sock');
  // A state folder that this user may not look into is the service's.
  return existsSync(own) || existsSync(stateFolder) ? own : SERVICE_SOCKET;
}
