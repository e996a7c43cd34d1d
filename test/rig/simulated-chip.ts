import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// The rig's simulated GPIO chip (gpio-sim), as its own files tell of it.

/** Its configfs folder. A chip that was taken away comes back under other names, told there. */
function simulator(): string {
  const folder = '/sys/kernel/config/gpio-sim';
  return join(folder, readdirSync(folder)[0] ?? '');
}

/** The chip's name now, as in `gpiochip0`. */
export function chipName(): string {
  return readFileSync(join(simulator(), 'bank0/chip_name'), 'utf8').trim();
}

/** What drives a line now, whoever drives it. */
export function isWireHigh(line: number): boolean {
  const device = readFileSync(join(simulator(), 'dev_name'), 'utf8').trim();
  const value = join('/sys/devices/platform', device, chipName(), `sim_gpio${line}/value`);
  return readFileSync(value, 'utf8').trim() === '1';
}

/** 0 takes the chip away as an unplugged one, 1 brings it back. */
export function setLive(isLive: boolean): void {
  writeFileSync(join(simulator(), 'live'), isLive ? '1' : '0');
}
