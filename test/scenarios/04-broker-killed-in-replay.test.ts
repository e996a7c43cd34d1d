import { expect } from 'vitest';
import { freePort } from '../fixtures/mosquitto.ts';
import { leaveBacklog } from './backlog.ts';
import { peekBlackBox } from './black-box.ts';
import { scenario } from './scenario.ts';
import { HANDS_ON } from './stage.ts';

/** So many that nobody is quick enough to get them all before the broker is dead. */
const BACKLOG = 1_500;
const IN_FLIGHT = 4;

scenario(
  '04 the broker is killed while the backlog goes out: nothing is lost, nothing changes its number',
  async (stage) => {
    const port = await freePort();
    const url = `mqtt://127.0.0.1:${port}`;
    const backlog = await leaveBacklog(stage.stateFolder, 'rov-1', BACKLOG);

    // The broker dies the moment the tenth alert has come.
    const first = await stage.broker({ ...HANDS_ON, port });
    let alerts = 0;
    let killed: Promise<void> | null = null;
    const surface = await stage.surface(url, {
      qos: 0,
      onHeard: ({ topic }) => {
        if (topic.endsWith('/alerts')) alerts += 1;
        if (alerts === 10) killed ??= first.kill();
      },
    });
    const camera = await stage.liveCamera('sound');
    await stage.daemon({
      camera: { uri: camera.uri },
      surface: { broker: url, inFlight: IN_FLIGHT, backlogPerSecond: 2_000 },
    });
    await stage.until('the tenth alert came', () => killed !== null);
    await killed;
    expect(alerts).toBeLessThan(BACKLOG);

    await stage.broker({ ...HANDS_ON, port });
    await stage.until(
      'the whole backlog came',
      () => alerts >= BACKLOG && surface.last('alerts')?.sequence === BACKLOG,
    );

    // The first time each came is the order of their commits; a second time is the same message.
    const heard = surface.all('alerts');
    const known = new Map(heard.map((alert) => [alert.sequence, alert]));
    expect([...known.values()]).toEqual(backlog.map((alert) => ({ ...alert, historical: true })));
    for (const alert of heard) expect(alert).toEqual(known.get(alert.sequence));
    // At most what was in flight when the broker died came twice.
    expect(heard.length - BACKLOG).toBeLessThanOrEqual(IN_FLIGHT);
    await stage.until('nothing waits any more', () => peekBlackBox(stage.stateFolder)?.waiting.length === 0);
  },
);
