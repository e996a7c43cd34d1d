import { expect, test } from 'vitest';
import { startBoot } from '../../src/platform/boot.ts';
import { ManualClock } from '../../src/platform/clock.ts';

const UTC = Date.UTC(2026, 5, 1);

test('each boot has an id of its own and tells when it began', () => {
  const clock = new ManualClock({ monoMs: 5, utcMs: UTC });
  const [a, b] = [startBoot({ clock }), startBoot({ clock })];
  expect(a.id).not.toBe(b.id);
  expect(a.startedUtcMs).toBe(UTC);
});

test('a clock before 2025 is unset, whatever the time service says', () => {
  const clock = new ManualClock({ monoMs: 0, utcMs: 0 });
  expect(startBoot({ clock, exists: () => true }).clockQuality()).toBe('unset');
});

test('a mark of a time service makes the clock synchronised, from the moment it is there', () => {
  const clock = new ManualClock({ monoMs: 0, utcMs: UTC });
  const marks = new Set<string>();
  const boot = startBoot({ clock, marks: ['/mark/a', '/mark/b'], exists: (path) => marks.has(path) });
  expect(boot.clockQuality()).toBe('unsynchronised');
  marks.add('/mark/b');
  expect(boot.clockQuality()).toBe('synchronised');
});
