import { setTimeout as sleep } from 'node:timers/promises';

/** What is waited for: anything true. */
export type Seen<T> = () => T | false | null | undefined | Promise<T | false | null | undefined>;

/** Waits until `seen` gives something true, and gives that. Patient: a busy machine is no failure. */
export async function until<T>(what: string, seen: Seen<T>, ms = 45_000): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const found = await seen();
    if (found) return found;
    if (performance.now() > end) throw new Error(`never happened: ${what}`);
    await sleep(10);
  }
}
