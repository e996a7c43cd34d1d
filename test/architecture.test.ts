import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const source = resolve(import.meta.dirname, '../src');

/** Who may know whom (docs/architecture.md). A part always knows itself; `*` knows everybody. */
const MAY_KNOW: Readonly<Record<string, readonly string[] | '*'>> = {
  domain: [],
  platform: ['domain'],
  inspection: ['domain'],
  camera: ['domain', 'platform'],
  vision: ['domain', 'platform'],
  light: ['domain', 'platform'],
  position: ['domain', 'platform'],
  surface: ['domain', 'platform'],
  record: ['domain', 'platform'],
  model: ['domain', 'platform'],
  footage: ['domain', 'platform'],
  training: ['domain', 'platform', 'vision', 'model', 'footage'],
  daemon: [
    'domain',
    'platform',
    'inspection',
    'camera',
    'vision',
    'light',
    'position',
    'surface',
    'record',
    'model',
  ],
  console: ['domain', 'platform', 'surface', 'vision', 'model', 'record'],
  bench: '*',
  doctor: '*',
  cli: '*',
  'main.ts': ['cli', 'platform'],
};

/** Imports that only erase: types may be named where code may not be run. */
function importsOf(file: string): { readonly path: string; readonly typeOnly: boolean }[] {
  const text = readFileSync(file, 'utf8');
  const found: { path: string; typeOnly: boolean }[] = [];
  const pattern =
    /^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'|\bimport\('([^']+)'\)|new URL\('([^']+\.ts)'/gms;
  for (const match of text.matchAll(pattern)) {
    found.push({ path: match[2] ?? match[3] ?? match[4] ?? '', typeOnly: match[1] !== undefined });
  }
  return found;
}

function partOf(file: string): string {
  return relative(source, file).split('/')[0] ?? '';
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(source, name));

test('each part imports only the parts it may know', () => {
  const broken: string[] = [];
  for (const file of files) {
    const from = partOf(file);
    const allowed = MAY_KNOW[from];
    if (allowed === undefined) broken.push(`${from} is not in the list of parts`);
    for (const { path } of importsOf(file)) {
      if (!path.startsWith('.')) continue;
      const to = partOf(resolve(dirname(file), path));
      if (to === from || allowed === '*' || allowed?.includes(to)) continue;
      broken.push(`${relative(source, file)} imports ${path}`);
    }
  }
  expect(broken).toEqual([]);
  expect(files.length).toBeGreaterThan(30);
});

test('of the console only its inspector of stills knows vision, model and record', () => {
  const broken = files
    .filter((file) => partOf(file) === 'console' && !file.endsWith('still-inspector.ts'))
    .filter((file) =>
      importsOf(file).some(({ path }) =>
        ['vision', 'model', 'record'].includes(partOf(resolve(dirname(file), path))),
      ),
    )
    .map((file) => relative(source, file));
  expect(broken).toEqual([]);
});

test('domain and inspection are pure: no Node module, no package', () => {
  const broken = files
    .filter((file) => ['domain', 'inspection'].includes(partOf(file)))
    .flatMap((file) => importsOf(file).map(({ path }) => ({ file, path })))
    .filter(({ path }) => !path.startsWith('.'))
    .map(({ file, path }) => `${relative(source, file)} imports ${path}`);
  expect(broken).toEqual([]);
});

test('inspection reads no clock of its own', () => {
  const broken = files
    .filter((file) => partOf(file) === 'inspection')
    .filter((file) =>
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bsetTimeout\b|\bMath\.random\b/.test(
        readFileSync(file, 'utf8'),
      ),
    )
    .map((file) => relative(source, file));
  expect(broken).toEqual([]);
});

test('the process ends only in main.ts', () => {
  const broken = files
    .filter((file) => partOf(file) !== 'main.ts' && /process\.exit\(/.test(readFileSync(file, 'utf8')))
    .map((file) => relative(source, file));
  expect(broken).toEqual([]);
});
