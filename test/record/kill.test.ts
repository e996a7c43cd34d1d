import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { nodeFiles } from '../../src/platform/files.ts';
import { DEFAULT_LIMITS } from '../../src/record/limits.ts';
import { DATABASE_FILE } from '../../src/record/open-record.ts';
import { Recorder } from '../../src/record/recorder.ts';
import { newFolder, sampleJpeg } from './samples.ts';

/** `SPECTA_KILLS` sets the number of kills of the full form. */
const KILLS = Number(process.env.SPECTA_KILLS ?? 15);
const CHILD = fileURLToPath(new URL('committing-child.ts', import.meta.url));

interface Kill {
  readonly folder: string;
  readonly boot: string;
  readonly jpeg: string;
  /** Counted from the start of the process, to meet it while it opens, or from when it has opened. */
  readonly from: 'start' | 'open';
  readonly afterMs: number;
}

/** Runs the child, kills it, and gives the whole lines that it printed. */
async function killedChild({ folder, boot, jpeg, from, afterMs }: Kill): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, folder, boot], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, JPEG: jpeg },
  });
  let output = '';
  let armed = from === 'start';
  if (armed) setTimeout(() => child.kill('SIGKILL'), afterMs);
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    if (armed || !output.startsWith('open\n')) return;
    armed = true;
    setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  await new Promise((resolve) => child.once('close', resolve));
  const lines = output.split('\n');
  // The last piece is empty, or a line that was cut off.
  return lines.slice(1, -1);
}

test(`after each of ${KILLS} kills at random moments every answered commit is there once, in order, and whole`, async () => {
  const longLived = await newFolder();
  const jpeg = Buffer.from(await sampleJpeg(64, 48)).toString('base64');
  let answered = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const boot = `boot-${kill}`;
    const opening = kill % 5 === 4;
    const folder = opening ? await newFolder() : longLived;
    const lines = await killedChild({
      folder,
      boot,
      jpeg,
      from: opening ? 'start' : 'open',
      afterMs: Math.random() * (opening ? 800 : 150),
    });
    const settled = new Set(lines.filter((line) => line.startsWith('settled ')).map((line) => line.slice(8)));
    const commits = lines.filter((line) => !line.startsWith('settled '));
    answered += commits.length;

    const recorder = new Recorder(nodeFiles);
    const stamp = { boot: `check-${kill}`, utcMs: Date.now(), monoMs: 0 };
    const order = { folder, session: boot, limits: DEFAULT_LIMITS, sweep: true };
    await recorder.handle('open', order, stamp);
    expect(recorder.report().movedAside).toBeNull();
    const db = new DatabaseSync(join(folder, DATABASE_FILE));
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    const totals = db
      .prepare("SELECT sum(count) AS n, sum(bytes) AS b FROM totals WHERE name NOT IN ('stills', 'told')")
      .get();
    expect(totals).toEqual(
      db.prepare('SELECT count(*) AS n, coalesce(sum(bytes), 0) AS b FROM outbox').get(),
    );
    db.close();
    const all = await recorder.handle('head', { lane: 'alert', limit: 100_000, afterId: 0 }, stamp);
    const entries = all.filter((entry) => entry.boot === boot);
    const byText = new Map(entries.map((entry) => [new TextDecoder().decode(entry.payload), entry.id]));
    expect(byText.size).toBe(entries.length);
    const findings = new Set(
      (await recorder.handle('findings', { runId: boot, limit: 100_000 }, stamp)).map((each) => each.id),
    );
    for (const line of commits) {
      const [name, a, b] = line.split(' ');
      expect(findings.has(name)).toBe(true);
      expect(byText.get(`${name}:b`)).toBe(Number(b));
      // Sent and forgotten, or still waiting under the number that was told.
      if (!settled.has(`${name}:a`) && byText.has(`${name}:a`))
        expect(byText.get(`${name}:a`)).toBe(Number(a));
      else expect(Number(name.split(':')[2]) % 5).toBe(0);
    }
    for (const text of settled) expect(byText.has(text)).toBe(false);
    // A commit is whole: never the finding without its message, nor its message without the finding.
    for (const text of byText.keys()) expect(findings.has(text.slice(0, -2))).toBe(true);
    for (const name of findings) expect(byText.has(`${name}:b`)).toBe(true);
    for (const name of findings) {
      for (const still of await recorder.handle('evidence', { findingId: name }, stamp)) {
        expect(still.dropped).toBeNull();
        expect(existsSync(join(folder, still.file))).toBe(true);
      }
    }
    await recorder.handle('close', {}, stamp);
  }
  expect(answered).toBeGreaterThan(0);
}, 600_000);
