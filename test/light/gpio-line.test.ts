import { expect, test } from 'vitest';
import { openLine } from '../../src/light/gpio/open-line.ts';
import { PIN_HISTORY_LIMIT, SimulatedLine, SimulatedPin } from '../../src/light/gpio/simulated.ts';
import { gpioLineSuite } from '../suites/gpio-line.ts';

gpioLineSuite('simulated', () => {
  const pin = new SimulatedPin();
  return {
    line: new SimulatedLine(pin),
    witness: () => pin.level,
    another: () => new SimulatedLine(pin),
    breakDown: () => pin.breakDown('chip unbound'),
    mend: () => pin.mend(),
    dispose: () => {},
  };
});

test('the safe level is on the wire when the line is given back, whichever it is, and nothing else was written', () => {
  // A real chip may fall back to its pull once the line is given back: only here the last level stays to be seen.
  for (const safe of [true, false]) {
    const pin = new SimulatedPin();
    const line = new SimulatedLine(pin);
    line.open(!safe);
    line.close(safe);
    line.close(!safe);
    expect(pin.level).toBe(safe);
    expect(pin.history).toEqual(safe ? [true] : [true, false]);
  }
});

test('the history of a simulated pin is bounded and keeps the newest', () => {
  const pin = new SimulatedPin();
  for (let i = 0; i < PIN_HISTORY_LIMIT * 3 + 1; i += 1) pin.write(i % 2 === 0);
  expect(pin.history).toHaveLength(PIN_HISTORY_LIMIT);
  expect(pin.history.at(-1)).toBe(pin.level);
});

test('each kind of line is made without taking it, and says where it is', () => {
  expect(openLine({ kind: 'simulated' })).toMatchObject({
    description: 'simulated',
    state: { kind: 'closed' },
  });
  for (const kind of ['chardev', 'sysfs'] as const) {
    const line = openLine({ kind, chip: 'gpiochip0', line: 'RELAY', activeLow: false });
    expect(line.description).toContain('gpiochip0 line RELAY');
    expect(line.state).toEqual({ kind: 'closed' });
    line.close(true);
    expect(line.state).toEqual({ kind: 'closed' });
  }
});
