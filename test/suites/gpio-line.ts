import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GpioLine } from '../../src/light/gpio/gpio-line.ts';
import { SpectaError } from '../../src/platform/errors.ts';

/** A line to try, with a second pair of eyes on its wire. */
export interface GpioLineFixture {
  readonly line: GpioLine;
  /** The level on the wire, read by another way than through the line. */
  witness(): boolean;
  /** Another line to the same wire, as another process would take it; null where that cannot be tried. */
  another(): GpioLine | null;
  /** Makes the wire unreachable (chip unbound, line held by another); null where that cannot be done. */
  readonly breakDown: (() => void) | null;
  /** Ends {@link breakDown}. */
  mend(): void;
  dispose(): void | Promise<void>;
}

/**
 * What every `GpioLine` must do.
 * @param name of the kind
 * @param create a fresh, closed line whose wire is dark
 */
export function gpioLineSuite(name: string, create: () => GpioLineFixture | Promise<GpioLineFixture>): void {
  describe(`GPIO line: ${name}`, () => {
    let fixture: GpioLineFixture;
    let line: GpioLine;

    beforeEach(async () => {
      fixture = await create();
      line = fixture.line;
    });
    afterEach(async () => {
      line.close(false);
      await fixture.dispose();
    });

    const failure = (action: () => void): SpectaError => {
      try {
        action();
      } catch (error) {
        if (error instanceof SpectaError) return error;
        throw error;
      }
      throw new Error('It should have failed.');
    };

    test('says what it is and is closed at first', () => {
      expect(line.description).not.toBe('');
      expect(line.state).toEqual({ kind: 'closed' });
      expect(fixture.witness()).toBe(false);
    });

    test.each([true, false])('opens at the level asked for: lit %s', (lit) => {
      line.open(lit);
      expect(line.state).toEqual({ kind: 'open', lit });
      expect(fixture.witness()).toBe(lit);
    });

    test('may be opened again, also at another level', () => {
      line.open(true);
      line.open(true);
      expect(fixture.witness()).toBe(true);
      line.open(false);
      expect(line.state).toEqual({ kind: 'open', lit: false });
      expect(fixture.witness()).toBe(false);
    });

    test('sets the level, a thousand times', () => {
      line.open(false);
      for (let i = 0; i < 1000; i += 1) {
        const lit = i % 3 === 0;
        line.set(lit);
        if (i < 10 || i > 990) expect(fixture.witness()).toBe(lit);
      }
      expect(line.state).toEqual({ kind: 'open', lit: true });
    });

    test('refuses to set before it is open and after it was closed, and leaves the wire alone', () => {
      expect(failure(() => line.set(true)).code).toBe('LIGHT_FAILED');
      expect(fixture.witness()).toBe(false);
      line.open(false);
      line.close(false);
      const error = failure(() => line.set(true));
      expect(error.code).toBe('LIGHT_FAILED');
      expect(error.help).not.toBe('');
      expect(line.state).toEqual({ kind: 'closed' });
      expect(fixture.witness()).toBe(false);
    });

    test('writes the safe level when closed, once', () => {
      line.open(true);
      line.close(false);
      expect(line.state).toEqual({ kind: 'closed' });
      expect(fixture.witness()).toBe(false);
      line.close(true);
      expect(fixture.witness()).toBe(false);
    });

    test('closing what was never opened does nothing', () => {
      line.close(true);
      expect(fixture.witness()).toBe(false);
      expect(line.state).toEqual({ kind: 'closed' });
    });

    test('opens again after it was closed', () => {
      for (let i = 0; i < 20; i += 1) {
        line.open(true);
        expect(fixture.witness()).toBe(true);
        line.close(false);
      }
      line.open(true);
      expect(line.state).toEqual({ kind: 'open', lit: true });
    });

    test('can be taken by another once it is given back', () => {
      line.open(true);
      line.close(false);
      const other = fixture.another();
      if (other === null) return;
      other.open(true);
      expect(fixture.witness()).toBe(true);
      other.close(false);
      expect(other.state).toEqual({ kind: 'closed' });
    });

    test('a wire that vanishes is an error with a reason, and closing stays quiet', ({ skip }) => {
      if (fixture.breakDown === null) return skip('this kind cannot be broken here');
      line.open(false);
      fixture.breakDown();
      const error = failure(() => line.set(true));
      expect(error.code).toBe('LIGHT_FAILED');
      expect(line.state.kind).toBe('failed');
      expect(line.state.kind === 'failed' && line.state.reason).not.toBe('');
      expect(failure(() => line.open(true)).code).toBe('LIGHT_FAILED');
      line.close(false);
      expect(line.state).toEqual({ kind: 'closed' });
    });

    test('a wire that comes back is driven again by opening it, without a close between', ({ skip }) => {
      if (fixture.breakDown === null) return skip('this kind cannot be broken here');
      line.open(false);
      fixture.breakDown();
      expect(failure(() => line.set(true)).code).toBe('LIGHT_FAILED');
      fixture.mend();
      line.open(true);
      expect(line.state).toEqual({ kind: 'open', lit: true });
      expect(fixture.witness()).toBe(true);
    });

    test('a wire that is not there at first can be opened once it is', ({ skip }) => {
      if (fixture.breakDown === null) return skip('this kind cannot be broken here');
      fixture.breakDown();
      expect(failure(() => line.open(true)).code).toBe('LIGHT_FAILED');
      expect(line.state.kind).toBe('failed');
      fixture.mend();
      line.open(true);
      expect(fixture.witness()).toBe(true);
    });
  });
}
