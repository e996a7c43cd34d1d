import { readFileSync, statSync } from 'node:fs';
import { askDaemon } from '../daemon/control/ask-daemon.ts';
import { lockPath, readHolder } from '../daemon/control/state-lock.ts';
import { SpectaError, systemCode } from '../platform/errors.ts';
import type { VehicleFacts } from '../surface/messages/vehicle.ts';
import { bad, type Check, good, warning } from './examination.ts';

/** The daemon as seen from outside. */
export type DaemonSight =
  | { readonly kind: 'answers'; readonly socket: string; readonly facts: VehicleFacts }
  | { readonly kind: 'absent'; readonly error: SpectaError }
  /** One is there, or may be, that does not tell us: it may hold camera and line. */
  | { readonly kind: 'silent'; readonly error: SpectaError };

/** A daemon that is alive answers at once, or soon on a board under load; a frozen one shall not hold the doctor up. */
const ANSWER_WITHIN_MS = 10_000;

/**
 * Asks the daemon on `socket`. @param stateFolder that a daemon may hold without answering; null: not known
 */
export async function seeDaemon(
  socket: string,
  stateFolder: string | null,
  signal: AbortSignal,
): Promise<DaemonSight> {
  const patience = AbortSignal.timeout(ANSWER_WITHIN_MS);
  try {
    const facts = await askDaemon(socket, 'status', {}, AbortSignal.any([signal, patience]));
    return { kind: 'answers', socket, facts };
  } catch (error) {
    signal.throwIfAborted();
    if (patience.aborted) {
      const message = `The daemon on ${socket} has not answered within ${ANSWER_WITHIN_MS / 1000} s.`;
      return { kind: 'silent', error: new SpectaError('DAEMON_ABSENT', message, 'systemctl restart specta') };
    }
    if (!(error instanceof SpectaError)) throw error;
    const holder = stateFolder === null ? null : lockingProcess(stateFolder);
    if (error.code === 'DAEMON_ABSENT' && holder === null) return { kind: 'absent', error };
    if (error.code !== 'DAEMON_ABSENT') return { kind: 'silent', error };
    const message = `Process ${holder} holds the state folder ${stateFolder}, but does not answer on ${socket}.`;
    const help = 'It may still be starting; its log says why its control socket is not there.';
    return { kind: 'silent', error: new SpectaError('DAEMON_ABSENT', message, help, error) };
  }
}

/** The process that holds a state folder's lock, by the kernel's own list; null when none does. */
function lockingProcess(stateFolder: string): number | null {
  try {
    const { ino } = statSync(lockPath(stateFolder));
    const isHeld = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .some((line) => line.includes(' FLOCK ') && line.split(/\s+/).some((word) => word.endsWith(`:${ino}`)));
    return isHeld ? (readHolder(stateFolder)?.pid ?? 0) : null;
  } catch (error) {
    if (systemCode(error) !== undefined) return null;
    throw error;
  }
}

/** What the daemon says of itself: each part that does not work is a finding. */
export function daemonCheck(sight: DaemonSight): Check {
  return {
    name: 'daemon',
    async look() {
      if (sight.kind === 'absent')
        return [
          warning(
            'daemon',
            'none runs here',
            'Start it: systemctl start specta, or specta run --config FILE.',
          ),
        ];
      if (sight.kind === 'silent') return [bad('daemon', sight.error.message, sight.error.help)];
      const { pid, version, vehicle, parts, startedAt } = sight.facts;
      const head = `process ${pid}, SPECTA ${version}, ${vehicle}, since ${startedAt}`;
      const faults = parts.filter(({ condition }) => condition === 'recovering' || condition === 'failed');
      return [
        good('daemon', head),
        ...faults.map(({ part, condition, reason, since }) => {
          const found = `${part} is ${condition} since ${since}: ${reason ?? 'no reason told'}`;
          const todo = 'The daemon goes on trying by itself; the checks below say what may help.';
          return condition === 'failed' ? bad('daemon', found, todo) : warning('daemon', found, todo);
        }),
      ];
    },
  };
}
