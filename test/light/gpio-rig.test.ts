import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ChardevLine } from '../../src/light/gpio/chardev.ts';
import type { GpioLine } from '../../src/light/gpio/gpio-line.ts';
import { lookAtLine } from '../../src/light/gpio/look-at-line.ts';
import { openLine } from '../../src/light/gpio/open-line.ts';
import { SysfsLine } from '../../src/light/gpio/sysfs.ts';
import { chipName, isWireHigh, setLive } from '../rig/simulated-chip.ts';
import { type GpioLineFixture, gpioLineSuite } from '../suites/gpio-line.ts';

// Real lines of a simulated chip: label `rig`, line 17 called RELAY. SPECTA_RIG_GPIO says that it is there. What the wire
// carries is read from the simulator's own files. Runs in device/rig: npm run test:rig.
const isRig = process.env.SPECTA_RIG_GPIO !== undefined;
const LINE = 17;
const KINDS = { chardev: ChardevLine, sysfs: SysfsLine } as const;
const chip = 'rig';

const wire = (): boolean => isWireHigh(LINE);

/**
 * Whether the simulator names its lines as Tegra's driver does. Linux 6.1 crashes when such a chip comes back after one
 * was taken away whose line was held through the character device: it keeps the old chip in its list for ever
 * (gpiod_free_commit without a chip), and looks for double names in it.
 */
function hasNames(): boolean {
  return readFileSync('/sys/module/gpio_sim_oot/parameters/names', 'utf8').trim() === 'Y';
}

function fixture(make: () => GpioLine): GpioLineFixture {
  let isBroken = false;
  const mend = (): void => {
    if (isBroken) setLive(true);
    isBroken = false;
  };
  return {
    line: make(),
    witness: wire,
    another: make,
    breakDown:
      hasNames() && make() instanceof ChardevLine
        ? null
        : () => {
            setLive(false);
            isBroken = true;
          },
    mend,
    dispose: mend,
  };
}

function rigTests(): void {
  for (const [kind, Line] of Object.entries(KINDS)) {
    gpioLineSuite(`${kind}, by label and name`, () =>
      fixture(() => new Line({ chip, line: 'RELAY', activeLow: false })),
    );
    gpioLineSuite(`${kind}, by label and offset`, () =>
      fixture(() => new Line({ chip, line: LINE, activeLow: false })),
    );

    test(`${kind}: the chip may be given by its name and by its path`, () => {
      for (const name of [chipName(), `/dev/${chipName()}`]) {
        const line = new Line({ chip: name, line: LINE, activeLow: false });
        line.open(true);
        expect(wire()).toBe(true);
        expect(line.description).toContain('RELAY');
        line.close(false);
        expect(wire()).toBe(false);
      }
    });

    test(`${kind}: active-low turns the wire round, also at the first level and the safe one`, () => {
      const line = new Line({ chip, line: LINE, activeLow: true });
      line.open(true);
      expect(wire()).toBe(false);
      line.set(false);
      expect(wire()).toBe(true);
      line.set(true);
      expect(wire()).toBe(false);
      line.close(false);
      const again = new Line({ chip, line: LINE, activeLow: true });
      again.open(false);
      expect(wire()).toBe(true);
      again.set(true);
      again.close(true);
    });

    test(`${kind}: a line that another holds is told by its holder, and taken when it is free`, () => {
      const holder = new ChardevLine({ chip, line: LINE, activeLow: false });
      const line = new Line({ chip, line: LINE, activeLow: false });
      holder.open(false);
      expect(() => line.open(true)).toThrow(
        expect.objectContaining({ code: 'LIGHT_FAILED', message: expect.stringContaining('held by specta') }),
      );
      expect(wire()).toBe(false);
      holder.close(false);
      line.open(true);
      expect(wire()).toBe(true);
      line.close(false);
    });

    test(`${kind}: a line or chip that is not there is named`, () => {
      for (const [wrong, words] of [
        [{ chip, line: 'LAMP' }, /LAMP/],
        [{ chip, line: 99 }, /0 to 31.*99/],
        [{ chip: 'tegra', line: 0 }, /tegra.*rig/],
      ] as const) {
        const line = new Line({ ...wrong, activeLow: false });
        expect(() => line.open(true)).toThrow(
          expect.objectContaining({ code: 'LIGHT_FAILED', message: expect.stringMatching(words) }),
        );
      }
    });

    test(`${kind}: a thousand openings leave no descriptor open`, () => {
      const line = openLine({ kind: kind as 'chardev' | 'sysfs', chip, line: LINE, activeLow: false });
      line.open(false);
      line.close(false);
      const before = readdirSync('/proc/self/fd').length;
      for (let i = 0; i < (kind === 'chardev' ? 1000 : 200); i += 1) {
        line.open(i % 2 === 0);
        line.close(false);
      }
      expect(readdirSync('/proc/self/fd').length).toBe(before);
    });

    test(`${kind}: after the holder was killed the line can be made safe`, () => {
      const source = new URL('../../src/light/gpio/open-line.ts', import.meta.url).href;
      const address = JSON.stringify({ kind, chip, line: LINE, activeLow: false });
      const script = `const { openLine } = await import('${source}'); openLine(${address}).open(true); process.kill(process.pid, 'SIGKILL');`;
      expect(() =>
        execFileSync(process.execPath, ['--input-type=module', '-e', script], { stdio: 'pipe' }),
      ).toThrow();
      const line = new Line({ chip, line: LINE, activeLow: false });
      line.open(false);
      expect(wire()).toBe(false);
      line.close(false);
      expect(wire()).toBe(false);
    });
  }

  test('a line can be looked at while another holds it', () => {
    const config = { kind: 'chardev', chip, line: 'RELAY', activeLow: false } as const;
    expect(lookAtLine(config)).toMatchObject({ description: expect.stringContaining('RELAY'), heldBy: null });
    const line = openLine(config);
    line.open(true);
    expect(lookAtLine(config).heldBy).toBe('specta');
    expect(lookAtLine({ ...config, kind: 'sysfs' }).heldBy).toBe('specta');
    expect(wire()).toBe(true);
    line.close(false);
  });

  test('sysfs: nothing stays exported once the line is closed', () => {
    const line = new SysfsLine({ chip, line: 'RELAY', activeLow: false });
    line.open(true);
    const open = readdirSync('/sys/class/gpio');
    expect(open.some((name) => name === 'RELAY' || /^gpio\d+$/.test(name))).toBe(true);
    line.close(false);
    const closed = readdirSync('/sys/class/gpio');
    expect(closed.filter((name) => !/^(gpiochip\d+|export|unexport)$/.test(name))).toEqual([]);
  });

  test('the character device is told of a line that is exported through sysfs', () => {
    const exported = new SysfsLine({ chip, line: LINE, activeLow: false });
    exported.open(true);
    const line = new ChardevLine({ chip, line: LINE, activeLow: false });
    expect(() => line.open(false)).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('held by sysfs'),
        help: expect.stringContaining('unexport'),
      }),
    );
    exported.close(false);
  });
}

if (!isRig) test.skip('lines of a real GPIO chip: in the rig (npm run test:rig)', () => {});
else describe('a real GPIO chip', rigTests);
