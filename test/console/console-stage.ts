import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Door } from '../../src/console/access.ts';
import { type RunningConsole, startConsole } from '../../src/console/console.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';

export const OPEN_DOOR: Door = { host: '127.0.0.1', port: 0, password: null, tls: null };

/** A console in this process, with a history of its own that goes with it. */
export async function consoleAt(
  broker: string,
  over: { readonly door?: Door; readonly bundle?: Bundle | null } = {},
): Promise<RunningConsole> {
  const folder = mkdtempSync(join(tmpdir(), 'specta-console-'));
  const running = await startConsole({
    ...{ broker, folder, bundle: null, version: '0.1.0', clock: systemClock, log: silentLog() },
    ...{ door: OPEN_DOOR, signal: new AbortController().signal },
    ...over,
  });
  return {
    ...{ url: running.url, desk: running.desk },
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
