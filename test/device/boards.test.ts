import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseConfig } from '../../src/daemon/load-config.ts';

const folder = join(import.meta.dirname, '../../device/boards');
const boards = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'unsupported.yaml');

const source = z.string();
const said = z.strictObject({ text: z.string(), source });
const boardSchema = z.strictObject({
  board: z.string(),
  ran: z.string(),
  compatible: z.strictObject({ source, values: z.array(z.string().regex(/^nvidia,[a-z0-9+-]+$/)) }),
  light: z.strictObject({
    line: z.strictObject({
      kind: z.enum(['simulated', 'chardev']),
      chip: z.string(),
      line: z.union([z.int(), z.string()]),
      activeLow: z.boolean(),
    }),
    header: z
      .strictObject({
        pin: z.int(),
        signal: z.string(),
        ground: z.int(),
        offset: z.int(),
        source,
        check: source.optional(),
      })
      .optional(),
    volts: z.strictObject({ value: z.number(), source }).optional(),
    drive: said.optional(),
    choose: said.optional(),
    externalPull: said,
  }),
  jetpacks: z.record(
    z.string(),
    z.union([
      z.strictObject({ unsupported: said }),
      z.strictObject({
        kernel: z.string(),
        sysfsGpio: z.strictObject({ value: z.enum(['present', 'absent']), source }),
        pinmux: said,
        levelAfterExit: said,
      }),
    ]),
  ),
  camera: z.strictObject({ hints: z.array(z.string()), source }),
  sources: z.record(z.string(), z.string()),
});

/** Every `source` and `check` in the file. */
function sourcesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'source' || key === 'check' ? [String(inner)] : sourcesIn(inner),
  );
}

describe.each(boards)('%s', (name) => {
  const board = boardSchema.parse(parse(readFileSync(join(folder, name), 'utf8')));

  test('each fact names a source that is listed, and no listed source is unused', () => {
    const { sources, ...facts } = board;
    const used = new Set(sourcesIn(facts));
    expect([...used].filter((key) => !(key in sources))).toEqual([]);
    expect(Object.keys(sources).filter((key) => !used.has(key))).toEqual([]);
  });

  test('its line is one that the configuration takes', () => {
    const text = JSON.stringify({ camera: { uri: 'replay:x' }, light: { line: board.light.line } });
    expect(parseConfig(text, {}).light.line).toEqual(board.light.line);
  });

  test('says what was run on it', () => {
    expect(board.ran).toMatch(name.startsWith('jetson') ? /^not run on this board$/ : /QEMU/);
  });
});

test("the line offsets on Orin follow from the kernel's port table", () => {
  // drivers/gpio/gpio-tegra186.c, tegra234_main_ports: pins of each port in the order of their numbers.
  const ports = {
    A: 8,
    B: 1,
    C: 8,
    D: 4,
    E: 8,
    F: 6,
    G: 8,
    H: 8,
    I: 7,
    J: 6,
    K: 8,
    L: 4,
    M: 8,
    N: 8,
    P: 8,
    Q: 8,
    R: 6,
    X: 8,
    Y: 8,
    Z: 8,
    AC: 8,
  };
  const firsts = new Map<string, number>();
  let next = 0;
  for (const [port, pins] of Object.entries(ports)) {
    firsts.set(port, next);
    next += pins;
  }
  for (const name of ['jetson-orin-nano', 'jetson-orin-nx', 'jetson-agx-orin']) {
    const { light } = boardSchema.parse(parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')));
    const [, port = '', pin = ''] = /^P([A-Z]+)\.(\d+)$/.exec(String(light.line.line)) ?? [];
    expect((firsts.get(port) ?? Number.NaN) + Number(pin)).toBe(light.header?.offset);
  }
});
