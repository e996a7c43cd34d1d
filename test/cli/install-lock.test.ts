import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { follow, ROOT, type Running } from './specta.ts';
import { workshop } from './workshop.ts';

const folder = workshop();
const module = join(ROOT, 'scripts/install-lock.mjs');

/** Runs plain JavaScript with `takeLock` at hand. */
function run(code: string): Running {
  const head = `import { takeLock } from ${JSON.stringify(module)};
    import { appendFileSync } from 'node:fs';
    import { spawn } from 'node:child_process';
    import { setTimeout as sleep } from 'node:timers/promises';
    const told = (holder) => console.log('waiting for', holder);`;
  return follow(spawn(process.execPath, ['--input-type=module', '-e', `${head}\n${code}`]));
}

test('only one holds the lock at a time, the others wait and say for whom', async () => {
  const lock = join(folder, 'deep/a.lock');
  const log = join(folder, 'a.log');
  const code = `const lock = await takeLock(${JSON.stringify(lock)}, told);
    appendFileSync(${JSON.stringify(log)}, 'in\\n');
    await sleep(150);
    appendFileSync(${JSON.stringify(log)}, 'out\\n');
    lock.release();`;
  const all = await Promise.all([1, 2, 3, 4].map(() => run(code).ended));
  expect(all.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
    all.map(() => ({ status: 0, stderr: '' })),
  );
  expect(readFileSync(log, 'utf8')).toBe('in\nout\n'.repeat(4));
  expect(existsSync(lock)).toBe(false);
});

test('a lock whose holder was killed is taken over, by one of many', async () => {
  const lock = join(folder, 'b.lock');
  const log = join(folder, 'b.log');
  const holder = run(
    `await takeLock(${JSON.stringify(lock)}, told); console.log('has it'); await sleep(1e6);`,
  );
  await holder.until(/has it/);
  const code = `const lock = await takeLock(${JSON.stringify(lock)}, told);
    appendFileSync(${JSON.stringify(log)}, 'in\\n');
    await sleep(50);
    appendFileSync(${JSON.stringify(log)}, 'out\\n');
    lock.release();`;
  const waiting = [1, 2, 3].map(() => run(code));
  await Promise.all(waiting.map((each) => each.until(new RegExp(`waiting for ${holder.child.pid}`))));
  holder.child.kill('SIGKILL');
  for (const { status } of await Promise.all(waiting.map(({ ended }) => ended))) expect(status).toBe(0);
  expect(readFileSync(log, 'utf8')).toBe('in\nout\n'.repeat(3));
});

test('a child that outlives its killed parent still holds the lock', async () => {
  const lock = join(folder, 'c.lock');
  const parent = run(`const lock = await takeLock(${JSON.stringify(lock)}, told);
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1500)'], { stdio: 'ignore', detached: true });
    lock.share(child.pid);
    console.log('has it');
    await sleep(1e6);`);
  await parent.until(/has it/);
  parent.child.kill('SIGKILL');
  await parent.ended;
  const next = run(`await takeLock(${JSON.stringify(lock)}, told); console.log('has it');`);
  await next.until(/waiting for \d+[\s\S]*has it/);
  expect((await next.ended).status).toBe(0);
});

test('a process that got the number of a dead holder is not taken for it', async () => {
  const lock = join(folder, 'd.lock');
  // This very process, but begun at another time.
  writeFileSync(lock, `${process.pid} 1 some-other-boot\n`);
  const next = run(`await takeLock(${JSON.stringify(lock)}, told); console.log('has it');`);
  const { status, stdout } = await next.ended;
  expect(status).toBe(0);
  expect(stdout).toBe('has it\n');
});
