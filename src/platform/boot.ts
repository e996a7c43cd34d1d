import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { ClockQuality } from '../domain/time.ts';
import type { Clock } from './clock.ts';

/** One start of this process. Order across restarts is (boot, sequence), never time. */
export interface Boot {
  /** Random, new at each start of the process. */
  readonly id: string;
  /** When it began. */
  readonly startedUtcMs: number;
  /** How far the wall clock can be believed now. Looked up anew at each call: a clock may be set under way. */
  clockQuality(): ClockQuality;
}

/**
 * Files that a time service leaves once it has disciplined the clock: systemd-timesyncd's. chrony, ntpd and PTP
 * leave none, and Node cannot ask the kernel (adjtimex): give the path of a file made by their own hooks.
 */
export const SYNCHRONISED_MARKS: readonly string[] = ['/run/systemd/timesync/synchronized'];

/** Before this the clock cannot be right: SPECTA did not exist. */
const FIRST_BELIEVABLE_UTC_MS = Date.UTC(2025, 0, 1);

/** What {@link startBoot} looks at; injected for tests. */
export interface BootOptions {
  readonly clock: Clock;
  /** Any of these existing means that the clock is disciplined. */
  readonly marks?: readonly string[];
  readonly exists?: (path: string) => boolean;
}

/** Whether a UTC time can be one that a set clock gave. */
export function isBelievable(utcMs: number): boolean {
  return utcMs >= FIRST_BELIEVABLE_UTC_MS;
}

/** Begins a boot: call once per process, and once per daemon in tests. */
export function startBoot(options: BootOptions): Boot {
  const { clock, marks = SYNCHRONISED_MARKS, exists = existsSync } = options;
  return {
    id: randomUUID(),
    startedUtcMs: clock.now().utcMs,
    clockQuality() {
      if (!isBelievable(clock.now().utcMs)) return 'unset';
      return marks.some((path) => exists(path)) ? 'synchronised' : 'unsynchronised';
    },
  };
}
