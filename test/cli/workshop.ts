import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, vi } from 'vitest';

/** A folder for one test file, removed after its tests, which may start many processes on a busy machine. */
export function workshop(): string {
  vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });
  const folder = mkdtempSync(join(tmpdir(), 'specta-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files below a folder that is made for them; gives the folder. */
export function place(folder: string, files: Readonly<Record<string, Uint8Array | string>>): string {
  mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}
