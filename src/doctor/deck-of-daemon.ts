import { askDaemon } from '../daemon/control/ask-daemon.ts';
import type { DaemonSight } from './daemon-sight.ts';
import { type LampTest, type LookedAt, seen } from './deck.ts';
import { lastExport } from './last-export.ts';

/** Looks at everything through the daemon. */
export async function lookThroughDaemon(
  daemon: Extract<DaemonSight, { kind: 'answers' }>,
  signal: AbortSignal,
): Promise<LookedAt> {
  const { facts, socket } = daemon;
  const taken = await seen(() => askDaemon(socket, 'snapshot', {}, signal));
  signal.throwIfAborted();
  const { model, engine, disk, link, record } = facts;
  const status = (part: string) => facts.parts.find((told) => told.part === part);
  const excuse = (part: string): string => status(part)?.reason ?? 'it is still being started';
  const folder = record?.folder ?? '';
  return {
    daemon,
    picture: 'value' in taken ? Buffer.from(taken.value.image, 'base64') : null,
    sight:
      'value' in taken
        ? { value: { ...taken.value.sight, mode: facts.camera.mode ?? facts.camera.uri } }
        : { error: `${taken.error} Camera: ${excuse('camera')}`, help: taken.help },
    model:
      engine === null
        ? {
            error: `no engine runs: ${excuse('engine')}`,
            help: 'specta doctor --config FILE says what to do.',
          }
        : { value: { ...model, engine: engine.kind, provider: engine.provider } },
    clock: facts,
    disk:
      disk === null
        ? { error: 'the daemon has not measured its disk yet', help: 'Look again in a minute.' }
        : { value: disk },
    link:
      status('link')?.condition === 'ok' && link !== null
        ? { value: `${link.broker}${link.protocol === null ? '' : `, MQTT ${link.protocol}`}` }
        : {
            error: excuse('link'),
            help: 'Alerts wait on board until the vessel answers: check tether, network and broker.',
          },
    backup: { exportedAt: lastExport(folder), newestFindingAt: record?.newestFindingAt ?? null, folder },
    nowUtcMs: Date.parse(facts.at),
  };
}

/** The lamp through the daemon that holds its line. */
export function lampOfDaemon({ socket }: { readonly socket: string }, signal: AbortSignal): LampTest {
  return {
    blink: async (seconds) => {
      const asked = await seen(() => askDaemon(socket, 'light/test', { seconds }, signal));
      if ('error' in asked) return asked;
      const { light } = asked.value;
      if (light.held || light.kind === 'simulated') return { value: light };
      return {
        error: `${light.line} is not held by the daemon`,
        help: 'specta status says why; specta doctor what to do.',
      };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
