import type { ErrorCode } from '../platform/errors.ts';

/** What the exit status of `specta` tells; the numbers from 64 to 78 are those of sysexits.h. */
export const EXIT = {
  ok: 0,
  /** A fault in SPECTA itself. */
  fault: 1,
  /** The command ran, but some of what it was given could not be used (each is named). */
  partial: 2,
  usage: 64,
  /** Bad data: an image, a bundle, a data folder. */
  data: 65,
  /** Something needed is not there: a broker, a provider, a camera, a port. */
  unavailable: 69,
  /** The disk is full or fails. */
  disk: 74,
  /** The daemon answered that it does not do what was asked. */
  refused: 76,
  /** This user may not ask the daemon. */
  forbidden: 77,
  config: 78,
  /** Ended by Ctrl-C before it was done; other signals likewise give 128 and their number. */
  interrupted: 130,
} as const;

/** The same for people, as `specta --help` prints it. */
export const EXIT_HELP = `Exit status:
  0    done
  1    a fault in SPECTA itself
  2    done, but some of the input could not be used (each is named)
  64   wrong usage
  65   bad data: an image, a bundle, a folder
  69   something is not there: broker, provider, camera, light, port, daemon; or a daemon is there already
  74   the disk is full or fails, or the record on it cannot be used
  76   the daemon refused the request
  77   this user may not ask the daemon
  78   the configuration or the runtime is wrong
  130  ended by Ctrl-C before it was done; by another signal: 128 and its number
       (141: nobody reads the output any more)`;

const BY_PREFIX: readonly (readonly [string, number])[] = [
  ['CONFIG_', EXIT.config],
  ['USAGE', EXIT.usage],
  ['IMAGE_', EXIT.data],
  ['FRAME_', EXIT.data],
  ['FOLDER_', EXIT.data],
  ['BUNDLE_', EXIT.data],
  ['GOLDEN_', EXIT.data],
  ['DATA_', EXIT.data],
  ['DISK_', EXIT.disk],
  ['RECORD_', EXIT.disk],
  ['CAMERA_URI', EXIT.config],
  ['CAMERA_', EXIT.unavailable],
  ['LIGHT_', EXIT.unavailable],
  ['PROVIDER_', EXIT.unavailable],
  ['BROKER_', EXIT.unavailable],
  ['PORT_', EXIT.unavailable],
  ['DAEMON_FORBIDDEN', EXIT.forbidden],
  ['DAEMON_', EXIT.unavailable],
  ['REQUEST_', EXIT.refused],
  ['RUNTIME_', EXIT.config],
  ['KEY_', EXIT.config],
  ['SLOTS_CORRUPT', EXIT.disk],
  ['SLOT', EXIT.unavailable],
  ['TRIAL_', EXIT.unavailable],
];

/** The exit status for an error's code. */
export function exitStatusOf(code: ErrorCode): number {
  return BY_PREFIX.find(([prefix]) => code.startsWith(prefix))?.[1] ?? EXIT.fault;
}
