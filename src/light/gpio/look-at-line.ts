import { loadLibc } from '../../platform/libc.ts';
import { findChip, findLine, lightFailure } from './find-line.ts';
import { loadOnoff } from './onoff.ts';
import type { LineConfig } from './open-line.ts';
import { findSysfsChip } from './sysfs-chip.ts';

/** What is known of a line without taking it. */
export interface LineSight {
  /** For people: `gpiochip0 (tegra234-gpio) line 144 (PAC.06)`. */
  readonly description: string;
  /** Who holds it, as far as the kernel tells; null when it is free, or that cannot be seen. */
  readonly heldBy: string | null;
}

/**
 * Looks whether the line is there and could be driven, and leaves it to whoever holds it. Throws `LIGHT_FAILED` with what
 * to do, also where onoff cannot be loaded.
 */
export function lookAtLine(config: LineConfig): LineSight {
  if (config.kind === 'simulated') return { description: 'simulated', heldBy: null };
  try {
    const libc = loadLibc();
    if (config.kind === 'sysfs') {
      loadOnoff();
      const { label, base } = findSysfsChip(config.chip);
      // sysfs itself tells neither names nor holders; an old kernel's character device may not either.
      if (typeof config.line === 'number') {
        return { description: `gpio ${base + config.line} of ${label} (sysfs)`, heldBy: null };
      }
    }
    using chip = findChip(libc, config.chip);
    const { offset, name, consumer, isUsed } = findLine(chip, config.line);
    const called = name === '' ? '' : ` (${name})`;
    return {
      description: `${chip.name} (${chip.label}) line ${offset}${called}`,
      heldBy: isUsed ? consumer || 'somebody without a name' : null,
    };
  } catch (error) {
    throw lightFailure(error) ?? error;
  }
}
