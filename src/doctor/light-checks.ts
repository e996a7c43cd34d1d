import type { Config } from '../daemon/config.ts';
import { lineConfig } from '../daemon/part-options.ts';
import { chipPaths } from '../light/gpio/find-line.ts';
import { GpioChip } from '../light/gpio/gpio-chip.ts';
import { lookAtLine } from '../light/gpio/look-at-line.ts';
import { loadOnoff } from '../light/gpio/onoff.ts';
import { sysfsChips } from '../light/gpio/sysfs-chip.ts';
import { SpectaError, systemCode } from '../platform/errors.ts';
import { type Libc, loadLibc } from '../platform/libc.ts';
import type { DaemonSight } from './daemon-sight.ts';
import { bad, type Check, type CheckResult, good, warning } from './examination.ts';

/** Every GPIO chip of the character device. Looking takes no line from anybody. */
export const chipsCheck: Check = {
  name: 'gpio',
  async look() {
    const paths = chipPaths();
    if (paths.length === 0) {
      const todo = 'A vehicle needs one for its light: load the driver of the board, or of an adapter.';
      return [warning('gpio', 'the kernel has no GPIO chip', todo)];
    }
    const libc = loadLibc();
    return paths.map((path) => describeChip(libc, path));
  },
};

function describeChip(libc: Libc, path: string): CheckResult {
  try {
    using chip = new GpioChip(libc, path);
    const lines = [...chip.allLines()];
    const used = lines.filter(({ isUsed }) => isUsed).length;
    const named = lines.filter(({ name }) => name !== '').length;
    const count = `${chip.lines} lines, ${used} in use, ${named === 0 ? 'none has a name' : `${named} have names`}`;
    return good('gpio', `${path} (${chip.label}): ${count}`);
  } catch (error) {
    const code = systemCode(error) ?? String(error);
    if (code === 'EACCES' || code === 'EPERM')
      return warning('gpio', `${path} may not be opened by this user`, 'Say sudo, or see permission above.');
    const todo =
      code === 'ENOTTY' || code === 'EINVAL'
        ? 'This kernel knows only the older GPIO interface: use light.line.kind: sysfs, or kernel 5.10 or later.'
        : 'Look at dmesg for what the kernel says of it.';
    return warning('gpio', `${path} cannot be read (${code})`, todo);
  }
}

/** The configured line is there and could be driven. It is not taken, so that a daemon that holds it goes on undisturbed. */
export function lightCheck(config: Config, daemon: DaemonSight): Check {
  return {
    name: 'light',
    async look() {
      if (config.light.line.kind === 'simulated') {
        const todo = 'Set light.line in the configuration on a vehicle.';
        return [warning('light', 'simulated: no lamp will shine', todo)];
      }
      if (daemon.kind === 'answers') return [lightOfDaemon(daemon)];
      const { description, heldBy } = lookAtLine(lineConfig(config));
      if (heldBy === null) return [good('light', `${description}, free`)];
      if (heldBy === 'specta') return [good('light', `${description}, held by a daemon`)];
      return [
        bad(
          'light',
          `${description} is held by ${heldBy}`,
          `End ${heldBy}, or name another line in light.line.`,
        ),
      ];
    },
  };
}

function lightOfDaemon({ facts }: Extract<DaemonSight, { kind: 'answers' }>): CheckResult {
  const { line, held, shows, lit } = facts.light;
  const level = `shows ${shows}, ${lit ? 'on' : 'off'}`;
  if (held) return good('light', `${line}, held by the daemon, ${level}`);
  const reason = facts.parts.find(({ part }) => part === 'light')?.reason ?? 'it is not held';
  return bad('light', `${line}: ${reason}`, 'The daemon goes on trying by itself; see the GPIO chips above.');
}

/** Whether the older sysfs interface, through onoff, could be used. The character device is better wherever it works. */
export function sysfsCheck(config: Config | null): Check {
  return {
    name: 'sysfs',
    async look() {
      const isWanted = config?.light.line.kind === 'sysfs';
      const missing = whatSysfsLacks();
      const hasChardev = chipPaths().length > 0;
      if (missing === null) {
        return isWanted && hasChardev
          ? [
              warning(
                'sysfs',
                'the light is driven through sysfs and onoff',
                'Set light.line.kind: chardev; it sets the level at once and needs no compiled part.',
              ),
            ]
          : [good('sysfs', `usable through onoff${hasChardev ? '; the character device is better' : ''}`)];
      }
      if (isWanted) return [bad('sysfs', missing.message, missing.help)];
      return [good('sysfs', `not usable, and not needed: ${missing.message}`)];
    },
  };
}

function whatSysfsLacks(): SpectaError | null {
  try {
    sysfsChips();
    loadOnoff();
    return null;
  } catch (error) {
    if (error instanceof SpectaError) return error;
    throw error;
  }
}
