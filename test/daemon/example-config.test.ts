import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { configSchema } from '../../src/daemon/config.ts';

const example: { camera: { uri: string } } = parse(
  readFileSync(resolve(import.meta.dirname, '../../device/specta.example.yaml'), 'utf8'),
);

test('the example shows every key of the configuration with its default', () => {
  const defaults = configSchema.parse({ camera: { uri: example.camera.uri } });
  expect(example).toEqual(defaults);
});
