import { expect } from 'vitest';
import { scenario } from './scenario.ts';

for (const protocol of [5, 4] as const) {
  scenario(
    `09 a vehicle that dies is offline, retained, until it is back (MQTT ${protocol === 5 ? '5' : '3.1.1'})`,
    async (stage) => {
      const broker = await stage.broker();
      const surface = await stage.surface(broker.url, { protocol });
      const camera = await stage.liveCamera('sound');
      const settings = { camera: { uri: camera.uri }, surface: { broker: broker.url, protocol } };
      const daemon = await stage.daemon(settings);
      const online = await stage.until('online', () => surface.last('state'));
      expect(online.state).toBe('online');
      await daemon.kill();
      const offline = await stage.until('offline', () =>
        surface.all('state').find(({ state }) => state === 'offline'),
      );
      expect(offline).toMatchObject({ session: online.session, boot: online.boot, at: null });

      const late = await stage.surface(broker.url, { protocol });
      await stage.until('whoever comes later knows', () => late.last('state'));
      expect(late.last('state')).toEqual(offline);
      expect(late.raw('state')[0].retained).toBe(true);

      await stage.daemon(settings);
      await stage.until('it is back', () => surface.last('state')?.state === 'online');
      expect(surface.last('state')?.boot).not.toBe(online.boot);
    },
    { concurrent: true },
  );
}
