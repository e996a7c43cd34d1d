import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadConfig, parseConfig } from '../../src/daemon/load-config.ts';
import { engineOptions } from '../../src/daemon/part-options.ts';
import { SpectaError } from '../../src/platform/errors.ts';
import { withFolder } from './folder.ts';

const LEAST = 'camera: { uri: "replay:frames" }';
const EXAMPLE = resolve(import.meta.dirname, '../../device/specta.example.yaml');

function mistakesOf(text: string, environment: Record<string, string> = {}): string[] {
  try {
    parseConfig(text, environment);
  } catch (error) {
    if (!(error instanceof SpectaError) || error.code !== 'CONFIG_INVALID') throw error;
    expect(error.help).toContain('device/specta.example.yaml');
    return error.message.split('\n').slice(1);
  }
  throw new Error('it was taken');
}

test('only the camera must be named; the rest has defaults', () => {
  const config = parseConfig(LEAST, {});
  expect(config.camera).toMatchObject({ uri: 'replay:frames', rate: null, loop: false });
  expect(config.surface.broker).toBe('mqtt://127.0.0.1:1883');
  expect(config.light).toMatchObject({ onCrack: 'hold', safeLevel: 'off', line: { kind: 'simulated' } });
});

test('the example parses, and every value in it is the default', () => {
  const text = readFileSync(EXAMPLE, 'utf8');
  const { uri } = parseConfig(text, {}).camera;
  const defaults = parseConfig(stringify({ camera: { uri } }), {});
  expect(parseConfig(text, {})).toEqual(defaults);
  // And it leaves no key out: what is written is the whole configuration.
  expect(parse(text)).toEqual(defaults);
});

test('the example explains every key', () => {
  const lines = readFileSync(EXAMPLE, 'utf8').split('\n');
  expect(lines.filter((line) => line.includes('#')).length).toBeGreaterThan(30);
  expect(lines.join('\n')).toContain('SPECTA_CAMERA_URI');
});

test('every mistake is told at once, each with its place', () => {
  const mistakes = mistakesOf(`
vehicle: "rov 1"
camera: { uri: "", rate: -5, format: h264 }
light: { holdSeconds: soon }
surface: { broker: vessel, protocol: 3 }
inspection: { on: { crack: 1.5 } }
`);
  for (const place of [
    'vehicle: expected 1 to 63 letters',
    'camera.uri: ',
    'camera.rate: ',
    'camera.format: ',
    'light.holdSeconds: ',
    'surface.broker: expected mqtt://HOST',
    'surface.protocol: ',
    'inspection.on.crack: ',
  ]) {
    expect(mistakes.filter((mistake) => mistake.includes(place))).toHaveLength(1);
  }
  expect(mistakes).toHaveLength(8);
});

test('an unknown key is told with the nearest known one, at its place', () => {
  expect(
    mistakesOf(`${LEAST}\nvehicel: a\nlight: { holdSecond: 3 }\nsurface: { tls: { cafile: x } }\nzzz: 1`),
  ).toEqual(
    [
      '  - vehicel: unknown key; did you mean vehicle?',
      '  - zzz: unknown key',
      '  - light.holdSecond: unknown key; did you mean light.holdSeconds?',
      '  - surface.tls.cafile: unknown key; did you mean surface.tls.caFile?',
    ].toSorted((a, b) => mistakesOrder(a) - mistakesOrder(b)),
  );
});

/** The order of the report: the file's sections as the schema lists them, its own unknown keys last. */
function mistakesOrder(mistake: string): number {
  return ['light.', 'surface.', 'vehicel', 'zzz'].findIndex((part) => mistake.includes(`- ${part}`));
}

test.each([
  ['{ provider: tensorrt }', null],
  ['{ kind: tfjs, provider: wasm }', null],
  [
    '{ kind: onnx-native, library: /opt/libonnxruntime.so, provider: cuda, providerOptions: { device_id: 0 } }',
    null,
  ],
  ['{ kind: onnx-native }', 'engine.library: onnx-native needs the path'],
  ['{ kind: tfjs, library: /opt/specta-tfjs, provider: cuda }', null],
  ['{ kind: onnx-native, library: libonnxruntime.so }', 'engine.library: give an absolute path'],
  ['{ kind: tfjs, library: specta-tfjs }', 'engine.library: give an absolute path'],
  ['{ library: /opt/libonnxruntime.so }', 'engine.library: onnx takes no library'],
  ['{ provider: webgpu }', 'engine.provider: webgpu is not offered'],
  ['{ kind: onnx-native, library: /opt/l.so, provider: webgpu }', 'engine.provider: webgpu is not offered'],
  ['{ provider: wasm }', 'engine.provider: onnx has no wasm; it has cpu, cuda, tensorrt'],
  ['{ kind: tfjs, provider: tensorrt }', 'engine.provider: tfjs has no tensorrt; it has cuda, cpu, wasm'],
  ['{ provider: cuda, providerOptions: { device_id: 0 } }', 'engine.providerOptions: onnx takes none'],
  [
    '{ kind: onnx-native, library: /opt/l.so, providerOptions: { device_id: 0 } }',
    'engine.providerOptions: provider cpu has no options',
  ],
  ['{ kind: openvino }', 'engine.kind: '],
  ['{ limitSeconds: 25 }', null],
  ['{ limitSeconds: 30 }', 'engine.limitSeconds: '],
])('an engine that cannot be is refused before it is tried: %s', (engine, mistake) => {
  const text = `${LEAST}\nengine: ${engine}`;
  if (mistake === null) expect(parseConfig(text, {}).camera.uri).toBe('replay:frames');
  else {
    expect(mistakesOf(text)).toHaveLength(1);
    expect(mistakesOf(text)[0]).toContain(mistake);
  }
});

test('the engine gets its options as ONNX Runtime reads them, and a place for what TensorRT builds', () => {
  const config = parseConfig(
    `${LEAST}
stateFolder: /var/lib/specta
engine:
  kind: onnx-native
  library: /opt/libonnxruntime.so
  provider: tensorrt
  limitSeconds: 12.5
  providerOptions: { device_id: 1, trt_fp16_enable: true, trt_int8_enable: false, trt_max_workspace_size: 1073741824 }`,
    {},
  );
  expect(engineOptions(config)).toEqual({
    engine: 'onnx-native',
    provider: 'tensorrt',
    library: '/opt/libonnxruntime.so',
    threads: 2,
    cacheFolder: '/var/lib/specta/engines',
    providerOptions: {
      device_id: '1',
      trt_fp16_enable: '1',
      trt_int8_enable: '0',
      trt_max_workspace_size: '1073741824',
    },
    lanes: 1,
    hangMs: 12_500,
  });
});

test('a missing camera is one mistake', () => {
  expect(mistakesOf('')).toHaveLength(1);
  expect(mistakesOf('')[0]).toContain('camera');
  expect(mistakesOf('camera: {}')[0]).toContain('camera.uri');
});

test.each([
  ['a: [1, 2', /line \d+, column \d+: /],
  [`${LEAST}\nlight:\n  idle: off\n idle: on`, /line 4, column \d+: /],
  [`${LEAST}\nvehicle: a\nvehicle: b`, /line 3, column 1: .*unique/i],
  [`${LEAST}\nvehicle: !name a`, /line 2, column 10: .*tag/i],
  ['\t- x', /line 1, column \d+: /],
])('what is no YAML is told with its line: %j', (text, told) => {
  expect(mistakesOf(text).join('\n')).toMatch(told);
});

test.each(['- a\n- b', 'just words', '7', '[]'])('what is YAML but no set of keys is refused: %j', (text) => {
  expect(mistakesOf(text)).toEqual(['  - the file: expected keys and values (vehicle: …, camera: …)']);
});

test('the environment overrides the file, read as YAML would read it', () => {
  const config = parseConfig(`${LEAST}\nlight: { holdSeconds: 9, idle: heartbeat }`, {
    SPECTA_CAMERA_URI: 'command:ffmpeg -i "a: b" -f mjpeg pipe:1',
    SPECTA_CAMERA_RATE: '12.5',
    SPECTA_CAMERA_LOOP: 'true',
    SPECTA_LIGHT_HOLD_SECONDS: '3',
    SPECTA_LIGHT_LINE_ACTIVE_LOW: 'true',
    SPECTA_SURFACE_TLS_CA_FILE: '/etc/ca.pem',
    SPECTA_SURFACE_PROTOCOL: '4',
    SPECTA_STATE_FOLDER: './state',
    SPECTA_INSPECTION_ON_CRACK: '0.7',
    SPECTA_SURFACE_USERNAME: 'null',
    PATH: '/bin',
    OTHER_VEHICLE: 'x',
  });
  expect(config.camera).toMatchObject({
    uri: 'command:ffmpeg -i "a: b" -f mjpeg pipe:1',
    rate: 12.5,
    loop: true,
  });
  expect(config.light).toMatchObject({ holdSeconds: 3, idle: 'heartbeat', line: { activeLow: true } });
  expect(config.surface).toMatchObject({ protocol: 4, username: null, tls: { caFile: '/etc/ca.pem' } });
  expect(config).toMatchObject({ stateFolder: './state', inspection: { on: { crack: 0.7 } } });
});

test('mistakes in the environment are told beside those of the file', () => {
  const mistakes = mistakesOf('camera: { uri: "replay:a", rat: 3 }', {
    SPECTA_LIGHT_HOLD_SECOND: '3',
    SPECTA_CAMERA_RATE: 'fast',
    SPECTA_LIGHT_LINE: 'x',
  });
  expect(mistakes).toHaveLength(4);
  expect(mistakes.join('\n')).toContain(
    'SPECTA_LIGHT_HOLD_SECOND: unknown environment variable; did you mean SPECTA_LIGHT_HOLD_SECONDS?',
  );
  expect(mistakes.join('\n')).toContain('camera.rate: ');
  expect(mistakes.join('\n')).toContain('camera.rat: unknown key; did you mean camera.rate?');
});

test('an override below something of the wrong kind leaves that mistake to be told', () => {
  expect(mistakesOf(`${LEAST}\nlight: [1]`, { SPECTA_LIGHT_IDLE: 'heartbeat' }).join()).toContain('light: ');
});

test('a file is read with its name in the message; one that is not there is CONFIG_UNREADABLE', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'specta.yaml');
    await expect(loadConfig(file, {})).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
    await expect(loadConfig(folder, {})).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
    await writeFile(file, 'camera: 3');
    await expect(loadConfig(file, {})).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(file),
    });
    await writeFile(file, LEAST);
    expect((await loadConfig(file, {})).camera.uri).toBe('replay:frames');
  }));

test('a file without end, or far too long, is CONFIG_UNREADABLE and is not read into memory', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'specta.yaml');
    await writeFile(file, `# ${'x'.repeat(1_000_000)}\n${LEAST}`);
    for (const path of [file, '/dev/zero']) {
      await expect(loadConfig(path, {})).rejects.toMatchObject({
        code: 'CONFIG_UNREADABLE',
        message: expect.stringContaining('more than 1000000 bytes'),
      });
    }
  }));

const YAML_BITS = [
  'vehicle',
  'camera',
  'uri',
  'light',
  'surface',
  'on',
  'off',
  ': ',
  ':',
  '- ',
  '\n',
  '\n  ',
  '\t',
  '{',
  '}',
  '[',
  ']',
  '&a ',
  '*a',
  '<<: *a',
  '!!binary ',
  '!!map ',
  '!x ',
  '"',
  "'",
  '|',
  '>',
  '#',
  '%YAML 1.1\n',
  '---',
  '...',
  '? ',
  '~',
  'null',
  '1e999',
  '.nan',
  '0x',
  '2026-01-01',
  '__proto__',
  'constructor',
  '\u0000',
  '\ufeff',
  'é',
];
const yamlish = fc.array(fc.oneof(fc.constantFrom(...YAML_BITS), fc.string({ maxLength: 6 })), {
  maxLength: 24,
});

/** Whatever the text: a whole configuration, or a SpectaError that says what is wrong. */
function isSound(text: string, environment: Record<string, string>): void {
  try {
    const config = parseConfig(text, environment);
    expect(config.camera.uri.length).toBeGreaterThan(0);
  } catch (error) {
    expect(error).toBeInstanceOf(SpectaError);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
  }
}

test('whatever text comes, nothing but a SpectaError is thrown', () => {
  fc.assert(
    fc.property(yamlish, fc.boolean(), (bits, withCamera) =>
      isSound(`${withCamera ? `${LEAST}\n` : ''}${bits.join('')}`, {}),
    ),
    { numRuns: 600 },
  );
});

test('whatever values come, in the file or the environment, nothing but a SpectaError is thrown', () => {
  const key = fc.constantFrom(
    'camera',
    'light',
    'surface',
    'vehicle',
    'on',
    'line',
    'tls',
    'uri',
    'constructor',
    '__proto__',
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
    ),
  }));
  const variable = fc.constantFrom(
    'SPECTA_CAMERA_URI',
    'SPECTA_LIGHT_IDLE',
    'SPECTA_SURFACE_TLS_CA_FILE',
    'SPECTA_X',
    'SPECTA_',
  );
  fc.assert(
    fc.property(tree, fc.dictionary(variable, fc.string()), (value, environment) =>
      isSound(stringify(value), environment),
    ),
    { numRuns: 100 },
  );
});

test('nesting deeper than the stack is refused, whatever it is of', () => {
  for (const open of ['- ', '[', '{a: ', '? ', '&a [']) {
    for (const times of [500, 2_000, 8_000, 30_000]) {
      expect(() => parseConfig(`${open.repeat(times)}\n${LEAST}`, {})).toThrow(SpectaError);
    }
  }
});

test('a few lines that unfold to millions are refused', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level += 1) {
    const [before, name] = ['abcdefghi'[level - 1], 'abcdefghi'[level]];
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(', ')}]`);
  }
  expect(mistakesOf(bomb.join('\n')).join()).toMatch(/alias/i);
});
