import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DemoPicture, demoScreen, demoSummary } from '../../src/cli/demo-view.ts';
import { paint, shortened, table, visibleWidth, wrapped } from '../../src/cli/terminal.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { type AlertMessage, alertSchema } from '../../src/surface/messages/alert.ts';
import { lightSchema } from '../../src/surface/messages/light.ts';
import { ROOT } from './specta.ts';

function example(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, `docs/messages/examples/${name}.json`), 'utf8')) as Record<
    string,
    unknown
  >;
}

function alerts(count: number): Map<string, AlertMessage> {
  const given = Array.from({ length: count }, (_, index) =>
    alertSchema.parse({
      ...example('alert'),
      finding: `F-0a1b2c3d-${String(index + 1).padStart(4, '0')}`,
      class: index % 2 === 0 ? 'crack' : 'corrosion',
    }),
  );
  return new Map(given.map((alert) => [alert.finding, alert]));
}

const verdict = {
  label: 'crack',
  blind: null,
  probabilities: { corrosion: 0.2, crack: 0.93, intact: 0.05 },
} as const satisfies Partial<Verdict>;

function picture(count: number): DemoPicture {
  return {
    simulated: [
      { part: 'camera', by: 'footage rendered by SPECTA, 10 frames a second, over and over' },
      { part: 'broker', by: 'in this process, mqtt://127.0.0.1:41234 (1883 is taken)' },
      { part: 'alert light', by: 'no GPIO line, shown here' },
    ],
    light: lightSchema.parse(example('light')),
    alerts: alerts(count),
    images: new Set(['F-0a1b2c3d-0001']),
    verdict: verdict as unknown as Verdict,
    thresholds: { corrosion: 0.6, crack: 0.6, intact: 0.5 },
    fps: 9.96,
    model: "specta-32x2 0.1.0 on this machine's CPU",
    troubles: ['record: no space is left'],
    folder: '.specta/demo/session-4711',
    console: 'http://127.0.0.1:8080',
  };
}

const plain = paint({ isTTY: false } as NodeJS.WriteStream);

test('on any terminal of 60 columns and 24 lines or more all that is simulated is told whole, and it fits', () => {
  const size = fc.record({
    columns: fc.integer({ min: 60, max: 240 }),
    rows: fc.integer({ min: 24, max: 80 }),
  });
  fc.assert(
    fc.property(size, fc.integer({ min: 0, max: 60 }), (room, count) => {
      const lines = demoScreen({ ...picture(count), troubles: [] }, plain, room);
      expect(lines.length).toBeLessThanOrEqual(room.rows);
      const text = lines.join(' ').replace(/\s+/g, ' ');
      for (const { part, by } of picture(count).simulated) expect(text).toContain(`${part} ${by}`);
      expect(text).toContain('A screening aid');
      for (const line of lines.slice(0, 6)) expect(line.length).toBeLessThanOrEqual(room.columns);
      // The newest alert is never the one that gives way.
      if (count > 0) expect(text).toContain(`F-0a1b2c3d-${String(count).padStart(4, '0')}`);
      const shown = lines.filter((line) => line.startsWith('F-')).length;
      if (shown < count) expect(text).toContain(`… and ${count - shown} before these`);
    }),
  );
});

test('the summary shows every finding, the advice of each class once, and where the stills are', () => {
  const text = demoSummary(picture(30), plain, 100).join('\n');
  expect(text.match(/^F-/gm)).toHaveLength(30);
  expect(text.match(/Replace the pipe section/g)).toHaveLength(2);
  expect(text).toContain('.specta/demo/session-4711');
});

test('lines are cut to a width without counting colours, and words are wrapped', () => {
  const coloured = `${String.fromCharCode(27)}[31mred${String.fromCharCode(27)}[39m and more`;
  expect(visibleWidth(coloured)).toBe(12);
  expect(visibleWidth(shortened(coloured, 6))).toBe(6);
  expect(shortened('short', 6)).toBe('short');
  expect(wrapped('one two three', 8)).toEqual(['one two', 'three']);
  fc.assert(
    fc.property(fc.lorem({ maxCount: 30 }), fc.integer({ min: 20, max: 60 }), (text, columns) => {
      const lines = wrapped(text, columns);
      expect(lines.join(' ')).toBe(text);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    }),
  );
});

test('figures stand right in a table, words left', () => {
  expect(
    table([
      ['name', 'n'],
      ['a', '1'],
      ['long', '100'],
    ]),
  ).toEqual(['name    n', 'a       1', 'long  100']);
});
