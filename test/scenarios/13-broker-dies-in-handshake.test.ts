import { createServer } from 'node:net';
import { expect } from 'vitest';
import { freePort } from '../fixtures/mosquitto.ts';
import { scenario } from './scenario.ts';
import { HANDS_ON } from './stage.ts';

scenario(
  '13 a broker that dies in the middle of the handshake is not taken for one that knows only MQTT 3.1.1',
  async (stage) => {
    const port = await freePort();
    const dying = createServer((socket) => {
      socket.on('error', () => undefined /* the vehicle may reset it first */);
      socket.once('data', () => {
        dying.close();
        socket.destroy();
      });
    });
    await new Promise<void>((resolve) => dying.listen(port, '127.0.0.1', resolve));
    const camera = await stage.liveCamera('sound');
    const daemon = await stage.daemon({
      camera: { uri: camera.uri },
      surface: { broker: `mqtt://127.0.0.1:${port}`, protocol: 'auto' },
    });
    await stage.until('the broker is dead', () => !dying.listening);
    await stage.until('the vehicle noticed', () => daemon.output.includes('cannot be reached'));

    await stage.broker({ ...HANDS_ON, port });
    await stage.until('it is connected', () => daemon.output.includes('connected to'));
    // Under 3.1.1 an acknowledgement proves less: to fall back for good on a hang-up would weaken every alert.
    expect(daemon.output).toContain(`connected to mqtt://127.0.0.1:${port}, MQTT 5`);
  },
);
