import { expect, test } from 'vitest';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { breaches, OTHER_CLIENTS, OtherReader } from '../surface/other-clients.ts';
import { onStage } from './stage.ts';

/** Every kind of message that a vehicle sends by itself. */
const TOPICS = [
  ...['state', 'model', 'run', 'run/log', 'light', 'health', 'detections', 'alerts', 'alerts/+/image'],
  ...['camera', 'engine', 'light', 'record', 'link', 'position'].map((part) => `status/${part}`),
];

const kindOf = (topic: string): string =>
  topic
    .split('/')
    .slice(2)
    .join('/')
    .replace(/^alerts\/[^/]+\/image$/, 'alerts/+/image');

for (const client of OTHER_CLIENTS) {
  test(
    `16 ${client.name} hears a whole inspection as it happens, each message by its published schema`,
    {
      timeout: 120_000,
    },
    async (context) => {
      if (client.missing !== null || mosquittoMissing !== null)
        context.skip(client.missing ?? mosquittoMissing ?? '');
      await onStage(async (stage) => {
        const broker = await stage.broker();
        const reader = new OtherReader(client, broker.port, null);
        try {
          await reader.listening(broker.log);
          const surface = await stage.surface(broker.url);
          const film = await stage.film([
            ['sound', 20],
            ['crack', 60],
            ['sound', 60],
          ]);
          const daemon = await stage.daemon({
            camera: { uri: `replay:${film}`, rate: 40 },
            surface: { broker: broker.url },
          });
          await stage.until('the run has ended', () => surface.last('run')?.run?.end === 'camera-ended');
          await stage.until('all of it was told', () => {
            const told = new Set(surface.heard.map(({ topic }) => kindOf(topic)));
            return TOPICS.every((kind) => told.has(kind));
          });
          await daemon.stop();
          await stage.until('stopped', () => surface.last('state')?.state === 'stopped');
          await stage.until('the client has it all', () => {
            const last = reader.messages.findLast(({ topic }) => kindOf(topic) === 'state');
            return (last?.payload as { readonly state?: string } | undefined)?.state === 'stopped';
          });
          expect(breaches(reader.messages)).toEqual([]);
          const heard = reader.messages.map(({ topic }) => topic).sort();
          expect(heard).toEqual(surface.heard.map(({ topic }) => topic).sort());
        } finally {
          await reader.stop();
        }
      });
    },
  );
}
