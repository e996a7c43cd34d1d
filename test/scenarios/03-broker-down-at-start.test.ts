import { expect } from 'vitest';
import { Gate } from '../fixtures/gate.ts';
import { peekBlackBox } from './black-box.ts';
import { scenario } from './scenario.ts';

for (const [protocol, name] of [
  [5, 'MQTT 5'],
  [4, 'MQTT 3.1.1'],
] as const) {
  scenario(
    `03 the broker is down at start: every alert comes once, in order, late ones marked (${name})`,
    async (stage) => {
      const broker = await stage.broker();
      const surface = await stage.surface(broker.url, { protocol });
      const gate = await Gate.to(broker.port, 'closed');
      const camera = await stage.liveCamera('sound');
      const daemon = await stage.daemon({
        camera: { uri: camera.uri },
        surface: { broker: gate.url, protocol: protocol === 5 ? 'auto' : 4 },
      });
      await stage.until('it watches', () => daemon.said('watching'));

      // Three findings that nobody above water can hear of.
      for (let number = 1; number <= 3; number += 1) {
        await camera.show(number === 2 ? 'rust' : 'crack');
        await stage.until(`finding ${number} is open`, () =>
          peekBlackBox(stage.stateFolder)?.findings.some((_, index) => index === number - 1),
        );
        await camera.show('sound');
        await stage.until(`finding ${number} is closed`, () =>
          peekBlackBox(stage.stateFolder)?.findings.every(({ closedAt }) => closedAt !== null),
        );
      }
      const waiting = peekBlackBox(stage.stateFolder)?.waiting ?? [];
      expect(waiting.length).toBeGreaterThanOrEqual(6);
      expect(surface.heard).toEqual([]);
      // Late is what comes more than 10 s after its commit.
      const newest = Date.parse(waiting.at(-1)?.at ?? '');
      await stage.until('all of it is late', () => Date.now() - newest > 11_000);

      await gate.set('open');
      await stage.until('the backlog came', () => surface.all('alerts').length >= waiting.length, 60_000);
      expect(surface.all('alerts')).toEqual(waiting.map((alert) => ({ ...alert, historical: true })));
      expect(surface.last('state')?.state).toBe('online');

      // What is found from now on is news.
      await camera.show('crack');
      await stage.until('the next finding', () => surface.all('alerts').length > waiting.length);
      const alerts = surface.all('alerts');
      expect(alerts.at(-1)).toMatchObject({ phase: 'opened', class: 'crack', historical: false });
      const sequences = alerts.map(({ sequence }) => sequence);
      expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
      await stage.until('the images came too', () =>
        waiting.every(({ finding }) => surface.raw(`alerts/${finding}/image`).length > 0),
      );
      await gate.set('closed');
    },
    { concurrent: true },
  );
}
