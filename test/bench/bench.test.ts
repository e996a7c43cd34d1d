import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { expectedError, jsonLines, specta } from '../cli/specta.ts';
import { place, workshop } from '../cli/workshop.ts';
import { freePort, mosquittoMissing, startMosquitto } from '../fixtures/mosquitto.ts';
import { crackPicture, soundPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';

const folder = workshop();
const frames = join(folder, 'frames');
const model = ['--model', join(folder, 'tiny')];

beforeAll(async () => {
  await makeTinyBundle(join(folder, 'tiny'));
  place(frames, { '1.jpg': crackPicture(), '2.jpg': soundPicture() });
});

/** The keys that the issue promises, in its order; more may follow. */
const KEYS = [
  'fps',
  'cpu_ms_per_frame',
  'capture_to_verdict_ms',
  'capture_to_puback_ms',
  'stages_ms',
  'rss_mb',
  'first_verdict_ms',
  'engine_fps',
];

function expectFigures(found: Record<string, unknown>): void {
  expect(Object.keys(found).slice(0, KEYS.length)).toEqual(KEYS);
  expect(Object.keys(found.stages_ms as object)).toEqual([
    'decode',
    'preprocess',
    'infer',
    'decide',
    'publish',
  ]);
  expect(Object.keys(found.capture_to_verdict_ms as object)).toEqual(['p50', 'p95', 'p99']);
  expect(found.bound).toMatchObject({ fps: expect.any(Number), share: expect.any(Number) });
  for (const key of ['fps', 'cpu_ms_per_frame', 'rss_mb', 'first_verdict_ms', 'engine_fps'])
    expect(found[key]).toBeGreaterThan(0);
}

test('one JSON object on one line without a broker; frames are repeated until the count is reached', async () => {
  const words = [
    'bench',
    '--frames',
    frames,
    '--count',
    '7',
    '--lanes',
    '2',
    '--threads',
    '1',
    '--json',
    ...model,
  ];
  const { status, stdout, stderr } = await specta(words);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const [found, ...more] = jsonLines(stdout);
  expect(more).toEqual([]);
  expectFigures(found);
  expect(found).toMatchObject({
    capture_to_puback_ms: null,
    broker: null,
    frames: 7,
    refused: 0,
    lanes: 2,
    threads: 1,
    rate: null,
    model: 'tiny 0.0.1',
  });
});

test.skipIf(mosquittoMissing)('one detection at QoS 1 a frame over Mosquitto, MQTT 5 and 3.1.1', async () => {
  const mosquitto = await startMosquitto();
  try {
    for (const [protocol, mqtt] of [
      ['auto', 5],
      ['4', 4],
    ] as const) {
      const words = ['bench', '--frames', frames, '--count', '90', '--broker', mosquitto.url];
      const { status, stdout } = await specta([...words, '--protocol', protocol, '--json', ...model]);
      expect(status).toBe(0);
      const [found] = jsonLines(stdout);
      expectFigures(found);
      // Under MQTT 5 the broker says that nobody is subscribed; 3.1.1 cannot.
      expect(found).toMatchObject({ mqtt, frames: 90, unheard: mqtt === 5 ? 90 : 0 });
      expect(Object.keys(found.capture_to_puback_ms as object)).toEqual(['p50', 'p95', 'p99']);
    }
    // Frames that only warm the lanes and the link have theirs as well.
    const received = mosquitto.log().match(/Received PUBLISH .* q1.*specta\/bench\/detections/g);
    expect(received?.length).toBeGreaterThanOrEqual(180);
  } finally {
    await mosquitto.stop();
  }
});

test('a table for people', async () => {
  const { status, stdout } = await specta([
    'bench',
    '--frames',
    frames,
    '--count',
    '2',
    '--lanes',
    '1',
    ...model,
  ]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^frames judged +[\d.]+ {2}a second$/m);
  expect(stdout).toMatch(/^2 frames; jpeg \d+x\d+; tiny 0\.0\.1; lanes 1, threads \d+; no broker; /m);
});

test('unpacked frames at a pace, and a history that the next measurement is compared with', async () => {
  const history = join(folder, 'history.jsonl');
  const words = ['bench', '--frames', frames, '--format', 'yuyv', '--rate', '100', '--count', '20'];
  const first = await specta([...words, '--history', history, '--json', ...model]);
  expect(first.status).toBe(0);
  const [found] = jsonLines(first.stdout);
  expect(found).toMatchObject({ picture: expect.stringMatching(/^yuyv /), rate: 100, frames: 20 });
  const second = await specta([...words, '--history', history, ...model]);
  expect(second.stdout).toMatch(/^against 20.+:$/m);
  expect(second.stdout).toMatch(/^frames a second +[\d.]+ +[\d.]+ +[\d.]+$/m);
  expect(readFileSync(history, 'utf8').trimEnd().split('\n')).toHaveLength(2);
  writeFileSync(history, 'no history');
  const third = await specta([...words, '--history', history, ...model]);
  expect(third.stderr).toMatch(expectedError('USAGE'));
  expect(third.status).toBe(64);
});

test('a broker that is not there ends it at once, with what was tried', async () => {
  const broker = `mqtt://127.0.0.1:${await freePort()}`;
  const words = ['bench', '--frames', frames, '--count', '2', '--broker', broker, ...model];
  const { status, stdout, stderr } = await specta(words);
  expect(stderr).toMatch(expectedError('BROKER_UNREACHABLE'));
  expect(stderr).toContain(broker);
  expect(status).toBe(69);
  expect(stdout).toBe('');
});

test('pictures that cannot be judged are counted and change the exit status; without any other it ends', async () => {
  const mixed = place(join(folder, 'mixed'), { '1.jpg': crackPicture(), '2.jpg': 'text' });
  writeFileSync(join(mixed, '3.jpg'), crackPicture().subarray(0, 900));
  const barren = place(join(folder, 'barren'), { '1.jpg': 'text', '2.jpg': '' });
  const broken = place(join(folder, 'broken'), { '1.jpg': crackPicture().subarray(0, 900) });
  const counted = await specta(['bench', '--frames', mixed, '--count', '3', '--json', ...model]);
  expect(counted.status).toBe(2);
  const [found] = jsonLines(counted.stdout);
  expect(found.frames).toBe(3);
  expect(found.refused).toBeGreaterThanOrEqual(6);
  for (const dir of [barren, broken, place(join(folder, 'empty'), {})]) {
    const { status, stderr } = await specta(['bench', '--frames', dir, '--count', '3', ...model]);
    expect(stderr).toMatch(expectedError('FOLDER_EMPTY'));
    expect(status).toBe(65);
  }
});

test('wrong words, and frames that are not there', async () => {
  const [count, broker, protocol, gone] = await Promise.all([
    specta(['bench', '--frames', frames, '--count', '0']),
    specta(['bench', '--frames', frames, '--broker', 'vessel:1883']),
    specta(['bench', '--frames', frames, '--protocol', '3']),
    specta(['bench', '--frames', join(folder, 'gone'), ...model]),
  ]);
  for (const { status, stderr } of [count, broker, protocol]) {
    expect(stderr).toMatch(expectedError('USAGE'));
    expect(status).toBe(64);
  }
  expect(gone.stderr).toMatch(expectedError('FOLDER_UNREADABLE'));
  expect(gone.status).toBe(65);
});
