import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isLit, LONG, lampThrough, runs, type UnitState, unit, untilLit } from './installed-service.ts';

/**
 * The lamp is brought to its safe level by whatever ends the daemon, and the daemon comes back by itself. To be run on a
 * machine where the service is installed and its lamp shines.
 * @param freeze makes the daemon's event loop stand still; null: not tried
 */
export function lampSuite(
  freeze: { readonly how: string; readonly do: (state: UnitState) => Promise<void> } | null,
): void {
  // hold=1: the chip keeps a line's level when its holder gives it back or dies.
  const isHeld = readFileSync('/sys/module/gpio_sim_oot/parameters/hold', 'utf8').trim() === 'Y';
  const world = isHeld ? 'a chip that keeps levels' : 'a chip that drops levels';

  test(
    `kill -9: the lamp is dark before the next daemon starts, on ${world}`,
    async ({ task }) => {
      const { darkAfterMs, readyAfterSeconds, said } = await lampThrough(({ pid }) => {
        process.kill(pid, 'SIGKILL');
      });
      expect(said).toContain('the light is at its safe level');
      task.meta.figures = `dark after ${darkAfterMs.toFixed(0)} ms, ready again after ${readyAfterSeconds.toFixed(1)} s`;
    },
    LONG,
  );

  if (freeze !== null) {
    test(
      `${freeze.how}: the watchdog ends it, the lamp is dark, and it is back, on ${world}`,
      async ({ task }) => {
        const { darkAfterMs, readyAfterSeconds, said } = await lampThrough(freeze.do);
        expect(said).toMatch(/Watchdog timeout \(limit 30s\)/);
        expect(said).toContain('the light is at its safe level');
        task.meta.figures = `dark after ${(darkAfterMs / 1000).toFixed(1)} s, ready again after ${readyAfterSeconds.toFixed(1)} s (WatchdogSec=30)`;
      },
      LONG,
    );
  }

  test(
    `an orderly stop: the lamp is dark, on ${world}`,
    async ({ task }) => {
      await untilLit();
      const begin = performance.now();
      expect((await runs('systemctl', 'stop', 'specta')).status).toBe(0);
      expect(isLit()).toBe(false);
      expect(unit().activeState).toBe('inactive');
      task.meta.figures = `stopped, ExecStopPost included, in ${((performance.now() - begin) / 1000).toFixed(1)} s`;
      expect((await runs('systemctl', 'start', 'specta')).status).toBe(0);
      await untilLit();
    },
    LONG,
  );
}
