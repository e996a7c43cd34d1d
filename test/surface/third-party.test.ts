import mqtt from 'mqtt';
import { expect, test } from 'vitest';
import { startMosquitto } from '../fixtures/mosquitto.ts';
import { loggedMessages } from './conformance-log.ts';
import { breaches, isJson, OTHER_CLIENTS, type OtherClient, OtherReader } from './other-clients.ts';

const PATIENCE_MS = 60_000;
const messages = loggedMessages().filter(
  ({ topic, payload }) => topic.startsWith('specta/') && payload.byteLength > 0,
);

/** Plays the log to a broker once the client listens, and gives what the client printed. */
async function played(client: OtherClient) {
  const broker = await startMosquitto();
  const reader = new OtherReader(client, broker.port, messages.length);
  try {
    await reader.listening(broker.log);
    const vehicle = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
    for (const { topic, payload, logged } of messages) {
      // mqtt.js never sends a message whose user properties are an empty object.
      const beside = logged.userProperties
        ? { properties: { userProperties: { ...logged.userProperties } } }
        : {};
      await vehicle.publishAsync(topic, payload, { qos: 1, retain: logged.retain, ...beside });
    }
    await vehicle.endAsync();
    await reader.finished();
    return reader.messages;
  } finally {
    await reader.stop();
    await broker.stop();
  }
}

for (const client of OTHER_CLIENTS) {
  test(
    `${client.name} reads the conformance log whole, by the published schemas`,
    {
      timeout: PATIENCE_MS,
    },
    async (context) => {
      if (client.missing !== null) context.skip(client.missing);
      const heard = await played(client);
      expect(breaches(heard)).toEqual([]);
      const sent = messages.filter(isJson).map(({ topic, logged }) => ({ topic, payload: logged.payload }));
      expect(heard.filter(isJson)).toEqual(sent);
    },
  );
}
