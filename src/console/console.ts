import type { Bundle } from '../domain/manifest.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import type { Door } from './access.ts';
import { startConsoleServer } from './console-server.ts';
import { Desk, type DeskOptions } from './desk.ts';
import { openHistory } from './history-folder.ts';
import { StillInspector } from './still-inspector.ts';

export interface ConsoleSettings extends Omit<DeskOptions, 'history'> {
  /** Of the history; one console at a time uses it. */
  readonly folder: string;
  readonly door: Door;
  /** Judges dropped pictures on this machine; null: only vehicles do. */
  readonly bundle: Bundle | null;
  /** Loads the bundle at once, so that a bad one is told at the start; default true. */
  readonly warm?: boolean;
  /** Of SPECTA. */
  readonly version: string;
  /** Ends a start in progress. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A console that runs: its page is served, whether or not the broker is there. */
export interface RunningConsole extends AsyncDisposable {
  readonly url: string;
  readonly desk: Desk;
}

/**
 * Starts the operator's console. Rejects with `CONFIG_INVALID` (open to the network without password and TLS),
 * `PORT_IN_USE`, `DISK_FAILED`, `RECORD_BUSY` (another console uses the folder), or what its model cannot.
 */
export async function startConsole(settings: ConsoleSettings): Promise<RunningConsole> {
  const { folder, door, bundle, clock, log, signal, version } = settings;
  await using parts = new AsyncDisposableStack();
  const { history } = parts.use(await openHistory(folder));
  const desk = new Desk({ ...settings, history });
  parts.defer(() => desk.stop());
  const inspector = parts.use(new StillInspector(desk.asking, bundle, signal));
  if (settings.warm !== false) await inspector.warm();
  const facts = { version, brokerUrl: settings.broker };
  const server = parts.use(await startConsoleServer({ door, desk, inspector, facts, clock, log }));
  desk.start();
  const held = parts.move();
  return { url: server.url, desk, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
