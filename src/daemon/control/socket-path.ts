import { dirname, join } from 'node:path';
import { SpectaError } from '../../platform/errors.ts';
import { type Config, MOST_PATH_BYTES } from '../config.ts';

/** Where the service's daemon listens, unless its configuration says otherwise. */
export const SERVICE_SOCKET = '/run/specta/control.sock';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where a daemon with this configuration listens: as configured, else in the folder that systemd made for it
 * (`RUNTIME_DIRECTORY`), else in its state folder.
 */
export function controlSocketPath(
  { control, stateFolder }: Pick<Config, 'control' | 'stateFolder'>,
  environment: Environment,
): string {
  if (control.socket !== null) return control.socket;
  // systemd gives a list when the unit names several.
  const [runtime = ''] = (environment.RUNTIME_DIRECTORY ?? '').split(':');
  return join(runtime === '' ? stateFolder : runtime, 'control.sock');
}

/**
 * The name under which a socket is bound before it is given its own: nobody must find it before its mode is set, and a
 * rename puts it in the place of a dead daemon's at one stroke.
 */
export function temporarySocketPath(path: string): string {
  return join(dirname(path), `.c${process.pid}`);
}

/** Throws `CONFIG_INVALID` for a path that no socket can have. */
export function checkSocketPath(path: string): void {
  const bytes = Math.max(Buffer.byteLength(path), Buffer.byteLength(temporarySocketPath(path)));
  if (bytes <= MOST_PATH_BYTES) return;
  throw new SpectaError(
    'CONFIG_INVALID',
    `The control socket's path ${path} has ${bytes} bytes; a unix socket has at most ${MOST_PATH_BYTES}.`,
    'Name a shorter one as control.socket in the configuration.',
  );
}
