import { expect } from 'vitest';
import { peekBlackBox } from './black-box.ts';
import { scenario } from './scenario.ts';

scenario(
  '05 nobody listens to alerts for a while: the vehicle keeps them and says so, then somebody comes (MQTT 5)',
  async (stage) => {
    const broker = await stage.broker();
    const bridge = await stage.surface(broker.url, { filters: ['specta/+/state', 'specta/+/status/+'] });
    const camera = await stage.liveCamera('sound');
    await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url, protocol: 5 } });
    await stage.until('the link is up', () => bridge.last('status/link')?.condition === 'ok');

    await camera.show('crack');
    await stage.until('it says that nobody listens', () =>
      bridge.last('status/link')?.reason?.startsWith('nobody is subscribed to alerts'),
    );
    expect(bridge.last('status/link')?.condition).toBe('recovering');
    await camera.show('sound');
    const waiting = await stage.until('opened and closed wait', () => {
      const alerts = peekBlackBox(stage.stateFolder)?.waiting ?? [];
      return alerts.some(({ phase }) => phase === 'closed') ? alerts : null;
    });

    const surface = await stage.surface(broker.url);
    await stage.until('they came', () => surface.all('alerts').length >= waiting.length);
    expect(surface.all('alerts').map(({ historical, ...alert }) => alert)).toEqual(
      waiting.map(({ historical, ...alert }) => alert),
    );
    await stage.until('the link says that all is well', () => bridge.last('status/link')?.condition === 'ok');
    await stage.until('nothing waits', () => peekBlackBox(stage.stateFolder)?.waiting.length === 0);
  },
);
