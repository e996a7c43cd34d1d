import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { ManualClock } from '../../src/platform/clock.ts';
import { SpectaError } from '../../src/platform/errors.ts';
import { silentLog } from '../../src/platform/log.ts';
import {
  type Answer,
  answerSchema,
  MOST_REQUEST_BYTES,
  REQUEST_NAMES,
  REQUESTS,
  type RequestName,
} from '../../src/surface/messages/request.ts';
import { requestExamples } from '../../src/surface/messages/request-examples.ts';
import { createRequests, type RequestHandlers, type RequestOptions } from '../../src/surface/requests.ts';

const examples = requestExamples();
const folder = resolve(import.meta.dirname, '../../docs/messages');

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Requests answered with the examples, each call counted. */
function desk(
  given: { readonly handlers?: Partial<RequestHandlers> } & Partial<Omit<RequestOptions, 'handlers'>> = {},
) {
  const clock = new ManualClock();
  const done: RequestName[] = [];
  const handlers = Object.fromEntries(
    REQUEST_NAMES.map((name) => [
      name,
      () => {
        done.push(name);
        return examples[name].answer.data;
      },
    ]),
  ) as unknown as RequestHandlers;
  const requests = createRequests({
    disabled: [],
    clock,
    clockQuality: () => 'unsynchronised',
    log: silentLog(),
    ...given,
    handlers: { ...handlers, ...given.handlers },
  });
  const ask = async (name: string, payload: unknown): Promise<Answer<unknown>> =>
    JSON.parse(
      new TextDecoder().decode(
        await requests.answer(name, payload instanceof Uint8Array ? payload : bytes(payload)),
      ),
    ) as Answer<unknown>;
  return { ask, requests, done, clock };
}

test.each(
  REQUEST_NAMES,
)('%s: its examples fit its schemas, and it is answered with its data', async (name) => {
  const { request, answer } = examples[name];
  const ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    formats: { 'date-time': true, byte: true, base64: true },
  });
  const stem = `requests/${name.replaceAll('/', '-')}`;
  const read = (path: string): object => JSON.parse(readFileSync(join(folder, path), 'utf8')) as object;
  const asks = ajv.compile(read(`${stem}.request.json`));
  const answers = ajv.compile(read(`${stem}.answer.json`));
  expect(asks(read(`examples/${stem}.request.json`)), JSON.stringify(asks.errors)).toBe(true);
  expect(answers(read(`examples/${stem}.answer.json`)), JSON.stringify(answers.errors)).toBe(true);
  expect(asks({ ...request, unknown: 1 })).toBe(false);
  expect(REQUESTS[name].request.safeParse(request).success).toBe(true);
  expect(answerSchema(REQUESTS[name].data).safeParse(answer).success).toBe(true);

  const { ask, done } = desk();
  const { expires: _expires, ...undated } = { expires: undefined, ...request };
  expect(await ask(name, undated)).toEqual({ ...answer, transaction: request.transaction ?? null });
  expect(done).toEqual([name]);
});

test('nothing at all is a request without fields', async () => {
  const { ask, done } = desk();
  expect(await ask('run/stop', new Uint8Array())).toMatchObject({ status: 'ok', transaction: null });
  expect(done).toEqual(['run/stop']);
});

test('whatever bytes come under whatever name, an answer of the right shape goes back, and nothing is done', async () => {
  const { requests, done } = desk();
  const anyName = fc.oneof(
    fc.constantFrom(...REQUEST_NAMES),
    fc.string(),
    fc.constantFrom('__proto__', 'constructor', ''),
  );
  // Not one of the names with a payload that it takes: that is the test above.
  const anyPayload = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }),
    fc.string({ minLength: 1 }).map(bytes),
    fc.json().map(bytes),
    fc
      .record({ transaction: fc.oneof(fc.string(), fc.integer(), fc.object()), nonsense: fc.anything() })
      .map(bytes),
  );
  await fc.assert(
    fc.asyncProperty(anyName, anyPayload, async (name, payload) => {
      const before = done.length;
      const text = new TextDecoder().decode(await requests.answer(name, payload));
      const answer = answerSchema(z.unknown()).parse(JSON.parse(text));
      expect((answer.data === null) === (answer.status === 'error')).toBe(true);
      expect((answer.error === null) === (answer.status === 'ok')).toBe(true);
      if (answer.status === 'error') {
        expect(answer.error?.code).toMatch(/^REQUEST_/);
        expect(answer.error?.help).toMatch(/\S/);
        expect(done.length).toBe(before);
      }
    }),
    { numRuns: 500 },
  );
});

test('a wrong request says what is wrong, under its own transaction', async () => {
  const { ask, done } = desk();
  const cases: readonly (readonly [string, unknown, string, RegExp])[] = [
    ['light/tset', { transaction: 't' }, 'REQUEST_UNKNOWN', /Did you mean light\/test\?/],
    ['volcano', { transaction: 't' }, 'REQUEST_UNKNOWN', /It knows light\/test, /],
    ['light/test', { transaction: 't', seconds: 'long' }, 'REQUEST_INVALID', /docs\/messages/],
    ['light/test', { transaction: 't', seconds: 61 }, 'REQUEST_INVALID', /docs\/messages/],
    ['run/start', { transaction: 't', why: 'fun' }, 'REQUEST_INVALID', /docs\/messages/],
    ['run/start', { transaction: 't', expires: 'soon' }, 'REQUEST_INVALID', /docs\/messages/],
  ];
  for (const [name, payload, code, help] of cases) {
    const answer = await ask(name, payload);
    expect(answer, name).toMatchObject({ status: 'error', data: null, error: { code }, transaction: 't' });
    expect(answer.error?.help).toMatch(help);
  }
  expect(await ask('status', '{')).toMatchObject({ error: { code: 'REQUEST_INVALID' }, transaction: null });
  expect(await ask('status', new Uint8Array([0xff]))).toMatchObject({ error: { code: 'REQUEST_INVALID' } });
  expect(await ask('status', [])).toMatchObject({ error: { code: 'REQUEST_INVALID' } });
  const large = new Uint8Array(MOST_REQUEST_BYTES + 1).fill(0x20);
  expect(await ask('status', large)).toMatchObject({ error: { code: 'REQUEST_TOO_LARGE' } });
  expect(await ask('status', bytes(`{}${' '.repeat(MOST_REQUEST_BYTES - 2)}`))).toMatchObject({
    status: 'ok',
  });
  expect(done).toEqual(['status']);
});

test('the same transaction gets the same answer and is done once, also while it is under way', async () => {
  const { data } = examples['run/start'].answer;
  if (data === null) throw new Error('no example');
  let release = (): void => undefined;
  const start = vi.fn(
    () =>
      new Promise<typeof data>((settle) => {
        release = () => settle(data);
      }),
  );
  const { ask } = desk({ handlers: { 'run/start': start } });
  const first = ask('run/start', { transaction: 'a' });
  const second = ask('run/start', { transaction: 'a' });
  await Promise.resolve();
  release();
  expect(await second).toEqual(await first);
  expect(await ask('run/start', { transaction: 'a' })).toEqual(await first);
  expect(start).toHaveBeenCalledTimes(1);

  expect(await ask('run/stop', { transaction: 'a' })).toMatchObject({
    status: 'error',
    error: { code: 'REQUEST_INVALID', message: expect.stringContaining('was used before') },
    transaction: 'a',
  });
});

test('transactions in any order and number: each is done exactly once, and answered alike', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 60 }), async (order) => {
      let count = 0;
      const { ask } = desk({
        handlers: {
          'light/acknowledge': () => {
            count += 1;
            const data = examples['light/acknowledge'].answer.data;
            if (data === null) throw new Error('no example');
            return { ...data, light: { ...data.light, findings: [String(count)] } };
          },
        },
      });
      const answers = new Map<number, Answer<unknown>>();
      for (const number of order) {
        const answer = await ask('light/acknowledge', { transaction: `t-${number}` });
        expect(answer).toEqual(answers.get(number) ?? answer);
        answers.set(number, answer);
      }
      expect(count).toBe(new Set(order).size);
    }),
    { numRuns: 50 },
  );
});

test('what is remembered of transactions is bounded: the oldest are forgotten', async () => {
  const { ask, done } = desk();
  for (let number = 0; number < 300; number += 1) await ask('light/test', { transaction: String(number) });
  await ask('light/test', { transaction: '299' });
  expect(done).toHaveLength(300);
  await ask('light/test', { transaction: '0' });
  expect(done).toHaveLength(301);

  // Large answers count by their bytes.
  const image = Buffer.alloc(1_000_000).toString('base64');
  const data = examples.snapshot.answer.data;
  if (data === null) throw new Error('no example');
  const large = desk({
    handlers: {
      snapshot: () => {
        large.done.push('snapshot');
        return { ...data, image };
      },
    },
  });
  for (const transaction of ['1', '2', '3', '4', '5', '1']) await large.ask('snapshot', { transaction });
  expect(large.done).toHaveLength(6);
});

test('a disabled request is refused, the others are not', async () => {
  const { ask, done } = desk({ disabled: ['run/stop'] });
  expect(await ask('run/stop', { transaction: 'x' })).toMatchObject({
    error: { code: 'REQUEST_DISABLED' },
    transaction: 'x',
  });
  expect(await ask('run/start', {})).toMatchObject({ status: 'ok' });
  expect(done).toEqual(['run/start']);
});

test('a request that is too late is refused; one whose lateness cannot be known as well', async () => {
  const { ask, clock, done } = desk();
  const expires = new Date(clock.now().utcMs + 1_000).toISOString();
  expect(await ask('run/start', { expires })).toMatchObject({ status: 'ok' });
  await clock.advance(1_001);
  expect(await ask('run/start', { expires })).toMatchObject({ error: { code: 'REQUEST_EXPIRED' } });
  // What was done in time gets its answer again: that it is too late now would be untrue of it.
  const again = { expires: new Date(clock.now().utcMs + 1_000).toISOString(), transaction: 'again' };
  const first = await ask('run/start', again);
  await clock.advance(1_001);
  expect(await ask('run/start', again)).toEqual(first);
  const unset = desk({ clockQuality: () => 'unset' });
  expect(await unset.ask('run/start', { expires })).toMatchObject({ error: { code: 'REQUEST_EXPIRED' } });
  expect(await unset.ask('run/start', {})).toMatchObject({ status: 'ok' });
  expect([done, unset.done]).toEqual([['run/start', 'run/start'], ['run/start']]);
});

test('what a handler throws is the answer; a fault of ours as well', async () => {
  const { ask } = desk({
    handlers: {
      snapshot: () => {
        throw new SpectaError('REQUEST_REFUSED', 'No frame was judged yet.', 'Wait.');
      },
      status: () => {
        throw new TypeError('oops');
      },
      'light/test': () => ({ light: { line: '' } }) as never,
    },
  });
  expect(await ask('snapshot', {})).toMatchObject({ error: { code: 'REQUEST_REFUSED', help: 'Wait.' } });
  expect(await ask('status', { transaction: 'y' })).toMatchObject({
    error: { code: 'INTERNAL', message: 'oops' },
    transaction: 'y',
  });
  expect(await ask('light/test', {})).toMatchObject({ error: { code: 'INTERNAL' } });
});

test('a handler that hangs is answered for, and too many at once are refused', async () => {
  const { ask, clock } = desk({ handlers: { status: () => new Promise(() => undefined) } });
  const hanging = Array.from({ length: 16 }, () => ask('status', {}));
  const refused = await ask('run/start', { transaction: 'later' });
  expect(refused).toMatchObject({ error: { code: 'REQUEST_BUSY' } });
  await clock.advance(15_000);
  for (const answer of await Promise.all(hanging)) expect(answer.error?.code).toBe('REQUEST_BUSY');
  // What was refused was not done, so that the same transaction may be tried again.
  expect(await ask('run/start', { transaction: 'later' })).toMatchObject({ status: 'ok' });
});
