import mqtt from 'mqtt';
import { expect } from 'vitest';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';
import { answerSchema, type DataOf, REQUESTS, type RequestName } from '../../src/surface/messages/request.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { crackPicture } from '../fixtures/pictures.ts';
import { scenario } from './scenario.ts';
import { until } from './until.ts';

const topics = topicsOf('rov-1');

/** Somebody above water who asks over MQTT 5, each answer held against its schema. */
async function askerAt(url: string) {
  const client = await mqtt.connectAsync(url, { protocolVersion: 5, reconnectPeriod: 100 });
  const answers = new Map<string, Buffer>();
  client.on('message', (_topic, payload, { properties }) => {
    answers.set(properties?.correlationData?.toString('utf8') ?? '', payload);
  });
  await client.subscribeAsync('console/answers', { qos: 1 });
  let asked = 0;
  const ask = async (name: RequestName, request: object) => {
    asked += 1;
    const id = `q-${asked}`;
    await client.publishAsync(topics.request(name), JSON.stringify(request), {
      qos: 1,
      properties: { responseTopic: 'console/answers', correlationData: Buffer.from(id) },
    });
    await until(`an answer to ${name}`, () => answers.has(id));
    return answerSchema(REQUESTS[name].data).parse(JSON.parse(String(answers.get(id))));
  };
  const data = async <Name extends RequestName>(name: Name, request: object): Promise<DataOf<Name>> => {
    const answer = await ask(name, request);
    if (answer.data === null) throw new Error(`${name}: ${answer.error?.code} ${answer.error?.message}`);
    // The schema of this very name has checked it.
    return answer.data as DataOf<Name>;
  };
  return { ask, data, leave: () => client.endAsync(true) };
}

/** The alert without the mark that may differ when it comes again. */
function body({ historical: _, ...rest }: AlertMessage): object {
  return rest;
}

scenario(
  '14 what a console asks over the broker: findings, reviews, alerts again, a picture',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url, {
      filters: ['specta/+/alerts', 'specta/+/alerts/+/image', 'specta/+/run'],
    });
    const camera = await stage.liveCamera('crack');
    const settings = { camera: { uri: camera.uri }, surface: { broker: broker.url } };
    const first = await stage.daemon(settings);
    const console1 = await askerAt(broker.url);
    try {
      await stage.until('a finding', () => surface.all('alerts').length > 0);
      const [opened] = surface.all('alerts');
      if (!opened) throw new Error('no alert');
      const { finding, run } = opened;

      // Everybody hears of a review; the finding goes on with it.
      const { alert } = await console1.data('finding/review', {
        finding,
        review: 'confirmed',
        by: 'Ika',
        note: 'Seen.',
      });
      await stage.until('the review', () => surface.last('alerts')?.review === 'confirmed');
      expect(surface.last('alerts')).toEqual(alert);
      expect(alert).toMatchObject({ finding, phase: 'updated', reviewed: { by: 'Ika', note: 'Seen.' } });
      expect(alert.sequence).toBeGreaterThan(opened.sequence);
      expect(await console1.data('finding/acknowledge', { finding })).toMatchObject({ changed: true });
      expect(await console1.data('finding/acknowledge', { finding })).toMatchObject({ changed: false });
      expect(await console1.ask('finding/review', { finding: 'F-none', review: 'rejected' })).toMatchObject({
        error: { code: 'REQUEST_REFUSED' },
      });

      // The engine is the run's own.
      const image = Buffer.from(crackPicture({ width: 320, height: 240 })).toString('base64');
      expect(await console1.ask('classify', { image })).toMatchObject({ error: { code: 'REQUEST_REFUSED' } });
      const { ended } = await console1.data('run/stop', {});
      expect(ended).toBe(true);
      await stage.until('its end', () => surface.all('alerts').some(({ phase }) => phase === 'closed'));
      expect(surface.last('alerts')).toMatchObject({
        phase: 'closed',
        review: 'confirmed',
        acknowledged: { by: null },
      });
      const judged = await console1.data('classify', { image });
      expect(judged).toMatchObject({ label: 'crack', blind: null, model: { name: 'tiny' } });
      expect(await console1.data('classify', { image })).toMatchObject({ label: 'crack', blind: null });
      const text = Buffer.from('no picture at all').toString('base64');
      expect((await console1.ask('classify', { image: text })).error?.code).toMatch(/^IMAGE_/);
      const large = Buffer.alloc(4_194_305).toString('base64');
      expect((await console1.ask('classify', { image: large })).error?.code).toMatch(/^REQUEST_/);

      // A second run, so that there is something to page through.
      await console1.data('run/start', {});
      await stage.until('another finding', () =>
        surface.all('alerts').some((one) => one.run !== run && one.phase === 'opened'),
      );
      await console1.data('run/stop', {});
      const told = (): AlertMessage[] => surface.all('alerts');
      const newest = (): Map<string, AlertMessage> => new Map(told().map((one) => [one.finding, one]));
      await stage.until('its end', () => [...newest().values()].every(({ phase }) => phase === 'closed'));
      const page = await console1.data('findings/list', { limit: 1 });
      expect(page.next).not.toBeNull();
      const rest = await console1.data('findings/list', { before: page.next });
      expect(rest.next).toBeNull();
      const listed = [...page.findings, ...rest.findings];
      expect(listed.map(body)).toEqual([...newest().values()].toReversed().map(body));
      expect(listed.every(({ historical }) => historical)).toBe(true);
      expect((await console1.data('findings/list', { run })).findings.map((one) => one.run)).toEqual([run]);

      // The same alerts once more, byte for byte but for the mark, also by the next boot.
      const before = told();
      const resend = async (request: object, wanted: readonly AlertMessage[]): Promise<void> => {
        const heard = told().length;
        expect(await console1.data('alerts/resend', request)).toMatchObject({
          ...{ queued: wanted.length, waiting: 0, moreImages: false },
        });
        await stage.until('all again', () => told().length === heard + wanted.length);
        expect(told().slice(heard).map(body)).toEqual(wanted.map(body));
      };
      const images = () => surface.raw(`alerts/${finding}/image`);
      await stage.until('its image', () => images().length > 0);
      const shown = images().length;
      await resend(
        { finding },
        before.filter((one) => one.finding === finding),
      );
      // Behind the alerts comes the picture, the same once more.
      await stage.until('the image again', () => images().length > shown);
      expect(images().at(-1)?.payload).toEqual(images().at(-2)?.payload);
      await first.stop();
      const second = await stage.daemon({ ...settings, run: { start: 'request' } });
      await stage.until('watching', () => second.said('watching'));
      await resend(
        { run },
        before.filter((one) => one.run === run),
      );
      expect(told().at(-1)?.historical).toBe(true);
      const after = await console1.data('finding/review', { finding, review: 'rejected' });
      expect(after.alert).toMatchObject({ phase: 'closed', review: 'rejected', acknowledged: { by: null } });
      expect(after.alert.boot).not.toBe(opened.boot);
    } finally {
      await console1.leave();
    }
  },
);
