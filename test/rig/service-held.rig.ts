import { beforeAll } from 'vitest';
import { installFirst, LONG, type UnitState, untilLit } from './installed-service.ts';
import { lampSuite } from './lamp-suite.ts';

// In a booted systemd, with a GPIO chip that keeps the level of a line that nobody holds (rig.gpiosim=hold=1).

beforeAll(async () => {
  await installFirst();
  await untilLit();
}, LONG);

// The watchdog takes half a minute to bite, and the lamp goes the same way then as after kill -9.
const freeze = {
  how: 'a stopped process (SIGSTOP)',
  do: async ({ pid }: UnitState): Promise<void> => {
    process.kill(pid, 'SIGSTOP');
  },
};
lampSuite(process.env.SPECTA_RIG_FULL === '1' ? freeze : null);
