import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from './errors.ts';

/**
 * The hottest thermal zone of the board, degrees Celsius; null where the kernel tells none.
 * @param folder the kernel's `/sys/class/thermal`
 */
export async function boardTemperature(folder = '/sys/class/thermal'): Promise<number | null> {
  let zones: string[];
  try {
    zones = (await readdir(folder)).filter((name) => name.startsWith('thermal_zone'));
  } catch (error) {
    if (systemCode(error) !== undefined) return null;
    throw error;
  }
  let hottest: number | null = null;
  for (const zone of zones) {
    try {
      const celsius = Number(await readFile(join(folder, zone, 'temp'), 'utf8')) / 1000;
      if (Number.isFinite(celsius)) hottest = Math.max(hottest ?? celsius, celsius);
    } catch (error) {
      // A zone that is switched off answers with an error; the others still count.
      if (systemCode(error) === undefined) throw error;
    }
  }
  return hottest;
}
