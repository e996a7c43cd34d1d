import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from './errors.ts';

/** What the kernel says of a board that gets hot or is held back. */
export interface BoardStrain {
  /** The least distance of a thermal zone to the trip point from which it is slowed, °C; null where none is told. */
  readonly headroomCelsius: number | null;
  /** The highest clock allowed now (power mode, throttling) as a share of the processor's own; null: not told. */
  readonly clockShare: number | null;
}

/** Trip points at which the kernel takes power away; `active` ones start a fan, `critical` ones switch off. */
const SLOWING = new Set(['passive', 'hot']);

/** @param sys where sysfs is mounted */
export async function readBoardStrain(sys = '/sys'): Promise<BoardStrain> {
  return {
    headroomCelsius: least(await headrooms(join(sys, 'class/thermal'))),
    clockShare: least(await clockShares(join(sys, 'devices/system/cpu/cpufreq'))),
  };
}

function least(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.min(...values);
}

async function headrooms(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const zone of await names(folder, /^thermal_zone\d+$/)) {
    const temperature = await number(join(folder, zone, 'temp'));
    if (temperature === null) continue;
    for (const trip of await names(join(folder, zone), /^trip_point_\d+_type$/)) {
      const kind = await text(join(folder, zone, trip));
      const limit = await number(join(folder, zone, trip.replace(/type$/, 'temp')));
      // A trip point at or below freezing is one that is not set.
      if (kind !== null && SLOWING.has(kind) && limit !== null && limit > 0) {
        found.push((limit - temperature) / 1000);
      }
    }
  }
  return found;
}

async function clockShares(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const policy of await names(folder, /^policy\d+$/)) {
    const allowed = await number(join(folder, policy, 'scaling_max_freq'));
    const highest = await number(join(folder, policy, 'cpuinfo_max_freq'));
    if (allowed !== null && highest !== null && highest > 0) found.push(Math.min(1, allowed / highest));
  }
  return found;
}

async function names(folder: string, pattern: RegExp): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => pattern.test(name));
  } catch (error) {
    // A kernel without it tells nothing.
    if (systemCode(error) !== undefined) return [];
    throw error;
  }
}

async function text(file: string): Promise<string | null> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    // A zone that is switched off answers with an error; the others still count.
    if (systemCode(error) !== undefined) return null;
    throw error;
  }
}

async function number(file: string): Promise<number | null> {
  const read = await text(file);
  return read === null || read === '' || !Number.isFinite(Number(read)) ? null : Number(read);
}
