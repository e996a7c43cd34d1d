import { type DestinationStream, type Logger, pino } from 'pino';
import { toErrorRecord } from './errors.ts';

export type { Logger };

/** An error's message is no property that JSON shows. Words are left as they are. */
const serializers = { error: (value: unknown) => (value instanceof Error ? toErrorRecord(value) : value) };

/** The log: JSON lines to standard error, levels as pino's. `SPECTA_LOG_LEVEL` names the least level shown. */
export function createLog(
  level: string = process.env.SPECTA_LOG_LEVEL ?? 'info',
  destination: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers }, destination);
}

/** A log that says nothing, for tests and one-shot commands. */
export function silentLog(): Logger {
  return pino({ level: 'silent' });
}
