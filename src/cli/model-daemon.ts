import type { Config } from '../daemon/config.ts';
import { SpectaError } from '../platform/errors.ts';
import type { DataOf, RequestName, RequestOf } from '../surface/messages/request.ts';
import { configuredSocket } from './which-daemon.ts';

/** Asks the daemon of this configuration; null when none answers, so that the caller does it by itself. */
export async function askIfThere<Name extends RequestName>(
  config: Config,
  name: Name,
  request: RequestOf<Name>,
  signal?: AbortSignal,
): Promise<DataOf<Name> | null> {
  const { askDaemon } = await import('../daemon/control/ask-daemon.ts');
  try {
    return await askDaemon(await configuredSocket(config), name, request, signal);
  } catch (error) {
    if (error instanceof SpectaError && error.code === 'DAEMON_ABSENT') return null;
    throw error;
  }
}
