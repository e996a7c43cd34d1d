import fc from 'fast-check';
import { expect, test } from 'vitest';
import { page } from '../../src/cli/predive.ts';
import { visibleWidth } from '../../src/cli/terminal.ts';
import { type DeckFacts, isReady, judgeDeck, type PrediveItem } from '../../src/doctor/predive.ts';
import { SpectaError } from '../../src/platform/errors.ts';
import { requestExamples } from '../../src/surface/messages/request-examples.ts';

const plain = Object.fromEntries(
  ['bold', 'dim', 'red', 'green', 'yellow', 'cyan', 'alarm'].map((name) => [name, (text: string) => text]),
) as unknown as Parameters<typeof page>[3];

const { data: vehicle } = requestExamples().status.answer;
if (vehicle === null) throw new Error('no example');
const healthy = {
  ...vehicle,
  parts: vehicle.parts.map((part) => ({ ...part, condition: 'ok' as const, reason: null })),
};
const NOW = Date.parse(vehicle.at);

const good: DeckFacts = {
  daemon: { kind: 'answers', socket: '/run/specta/control.sock', facts: healthy },
  sight: {
    value: {
      ageSeconds: 0.1,
      source: '/dev/video0',
      label: 'intact',
      blind: null,
      probabilities: { crack: 0.02, intact: 0.9 },
      quality: { mean: 96, saturatedShare: 0, sharpness: 3.8, localContrast: 9 },
      mode: '1280x720 YUYV at 30 a second',
    },
  },
  lamp: { value: { kind: 'chardev', line: 'gpiochip0 line 144 (PAC.06)' } },
  model: {
    value: {
      name: 'm',
      version: '1.0.0',
      createdAt: '2026-05-01T00:00:00Z',
      engine: 'onnx',
      provider: 'cpu',
      signature: 'shipped',
      passedOver: null,
    },
  },
  clock: { at: vehicle.at, clockQuality: 'synchronised' },
  disk: {
    value: { folder: '/var/lib/specta', freeBytes: 40e9, fillsBytesPerHour: null, measuredSeconds: 0 },
  },
  link: { value: 'mqtt://vessel:1883, MQTT 5' },
  backup: { exportedAt: null, newestFindingAt: null, folder: '/var/lib/specta' },
  spoken: { lamp: 'yes', clock: 'unasked', backup: 'unasked' },
  diveHours: 12,
  nowUtcMs: NOW,
};

function item(facts: DeckFacts, name: string): PrediveItem {
  const found = judgeDeck(facts).find((each) => each.item === name);
  if (found === undefined) throw new Error(`no item ${name}`);
  return found;
}

test('a vehicle in order is ready: all green, nothing to do', () => {
  const items = judgeDeck(good);
  expect(items.map(({ item: name }) => name)).toEqual([
    'daemon',
    'camera',
    'lamp',
    'model',
    'clock',
    'disk',
    'link',
    'backup',
  ]);
  expect(items.filter(({ state }) => state === 'red')).toEqual([]);
  expect(items.every(({ todo }) => todo === null)).toBe(true);
  expect(isReady(items)).toBe(true);
  expect(isReady([])).toBe(false);
});

type ModelOnDeck = Extract<DeckFacts['model'], { value: unknown }>['value'];

function modelThat(change: Partial<ModelOnDeck>): DeckFacts['model'] {
  if ('error' in good.model) throw new Error(good.model.error);
  return { value: { ...good.model.value, ...change } };
}

const error = new SpectaError('DAEMON_ABSENT', 'No daemon answers.', 'Start it.');
const away = { error: 'it is away', help: 'Look for it.' };
const reds: readonly (readonly [string, string, Partial<DeckFacts>])[] = [
  ['daemon', 'none runs', { daemon: { kind: 'absent', error } }],
  ['daemon', 'No daemon answers', { daemon: { kind: 'silent', error } }],
  [
    'daemon',
    'record failed: the disk is full',
    {
      daemon: {
        kind: 'answers',
        socket: 's',
        facts: {
          ...healthy,
          parts: [{ part: 'record', condition: 'failed', reason: 'the disk is full', since: vehicle.at }],
        },
      },
    },
  ],
  ['camera', 'it is away', { sight: away }],
  ['camera', 'cannot see: dark', { sight: { value: { ...sightOf(good), label: null, blind: 'dark' } } }],
  ['camera', '1 min 00 s old', { sight: { value: { ...sightOf(good), ageSeconds: 60 } } }],
  ['lamp', 'it is away', { lamp: away }],
  ['lamp', 'simulated', { lamp: { value: { kind: 'simulated', line: 'simulated' } } }],
  ['lamp', 'nobody said', { spoken: { ...good.spoken, lamp: 'unasked' } }],
  ['lamp', 'not seen to blink', { spoken: { ...good.spoken, lamp: 'no' } }],
  ['model', 'it is away', { model: away }],
  [
    'model',
    'm 1.0.0 instead of m 1.1.0: it is damaged',
    {
      model: modelThat({ passedOver: { name: 'm', version: '1.1.0', digest: 'd', reason: 'it is damaged' } }),
    },
  ],
  ['model', 'signed by NOBODY', { model: modelThat({ signature: 'unsigned' }) }],
  [
    'clock',
    'never set',
    {
      clock: { at: '1970-01-01T00:00:09.000Z', clockQuality: 'unset' },
      spoken: { ...good.spoken, clock: 'yes' },
    },
  ],
  ['clock', 'not known to be synchronised', { clock: { at: vehicle.at, clockQuality: 'unsynchronised' } }],
  [
    'clock',
    'is wrong',
    { clock: { at: vehicle.at, clockQuality: 'unsynchronised' }, spoken: { ...good.spoken, clock: 'no' } },
  ],
  [
    'disk',
    '6 hours at an assumed 150 MB an hour',
    { disk: { value: { folder: '/x', freeBytes: 1e9, fillsBytesPerHour: null, measuredSeconds: 0 } } },
  ],
  [
    'disk',
    '10 hours at 100 MB an hour (measured over 10 min 00 s)',
    { disk: { value: { folder: '/x', freeBytes: 1e9, fillsBytesPerHour: 1e8, measuredSeconds: 600 } } },
  ],
  ['link', 'it is away', { link: away }],
  [
    'backup',
    'never exported; newest finding of 2026-05-20 09:30',
    { backup: { ...good.backup, newestFindingAt: vehicle.at } },
  ],
  [
    'backup',
    'last exported 2026-05-19',
    { backup: { ...good.backup, newestFindingAt: vehicle.at, exportedAt: '2026-05-19T10:00:00.000Z' } },
  ],
  ['backup', 'only the daemon can say', { backup: { ...good.backup, newestFindingAt: 'unknown' } }],
];

function sightOf({ sight }: DeckFacts) {
  if ('error' in sight) throw new Error(sight.error);
  return sight.value;
}

test.each(reds)('%s is red: %s', (name, words, change) => {
  const facts = { ...good, ...change };
  const red = item(facts, name);
  expect(red).toMatchObject({ state: 'red', found: expect.stringContaining(words) });
  expect(red.todo).toMatch(/\S/);
  expect(isReady(judgeDeck(facts))).toBe(false);
  // Nothing else is blamed for it.
  expect(judgeDeck(facts).filter(({ state }) => state === 'red')).toHaveLength(1);
});

const greens: readonly (readonly [string, string, Partial<DeckFacts>])[] = [
  [
    'clock',
    "right by a person's word",
    { clock: { at: vehicle.at, clockQuality: 'unsynchronised' }, spoken: { ...good.spoken, clock: 'yes' } },
  ],
  [
    'disk',
    'did not fill',
    { disk: { value: { folder: '/x', freeBytes: 1e9, fillsBytesPerHour: -5, measuredSeconds: 600 } } },
  ],
  [
    'disk',
    '6 hours',
    {
      disk: { value: { folder: '/x', freeBytes: 1e9, fillsBytesPerHour: null, measuredSeconds: 0 } },
      diveHours: 6,
    },
  ],
  [
    'backup',
    'no finding since',
    { backup: { ...good.backup, newestFindingAt: vehicle.at, exportedAt: vehicle.at } },
  ],
  [
    'backup',
    "copied by a person's word",
    { backup: { ...good.backup, newestFindingAt: vehicle.at }, spoken: { ...good.spoken, backup: 'yes' } },
  ],
];

test.each(greens)('%s is green: %s', (name, words, change) => {
  expect(item({ ...good, ...change }, name)).toMatchObject({
    state: 'green',
    found: expect.stringContaining(words),
    todo: null,
  });
});

test('the page is at most 80 columns wide, says each state as a word, and ends with the sum', () => {
  const word = fc.stringMatching(/^[a-z/:.-]{1,30}$/);
  const anyText = fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join(' '));
  const anyItem = fc.record({
    item: fc.constantFrom('daemon', 'camera', 'lamp'),
    state: fc.constantFrom('green' as const, 'red' as const),
    found: anyText,
    todo: fc.option(anyText),
  });
  fc.assert(
    fc.property(fc.array(anyItem, { minLength: 1, maxLength: 8 }), (items) => {
      const lines = page(items, 'rov-1', vehicle.at, plain);
      for (const line of lines) expect(visibleWidth(line)).toBeLessThanOrEqual(80);
      expect(lines.filter((line) => /^ {2}(GREEN|RED) /.test(line))).toHaveLength(items.length);
      const isGreen = items.every(({ state }) => state === 'green');
      expect(lines.at(-1)).toMatch(isGreen ? /^GREEN: ready to dive$/ : /^RED: mend \d of \d: \w/);
    }),
  );
});
