import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { nodeFiles } from '../../src/platform/files.ts';
import { silentLog } from '../../src/platform/log.ts';
import { type BlackBox, openBlackBox } from '../../src/record/black-box.ts';
import { openDatabase } from '../../src/record/database.ts';
import { DATABASE_FILE } from '../../src/record/open-record.ts';
import { MIGRATIONS, type Migration, migrate, schemaVersion } from '../../src/record/schema.ts';
import { newFolder, sampleFinding, sampleMessage } from './samples.ts';

const openIn = (folder: string): Promise<BlackBox> =>
  openBlackBox({ folder, boot: 'boot', log: silentLog(), clock: systemClock });

const next: Migration = {
  version: MIGRATIONS.length + 1,
  sql: `ALTER TABLE findings ADD COLUMN review TEXT; PRAGMA user_version = ${MIGRATIONS.length + 1};`,
};
const broken: Migration = {
  version: MIGRATIONS.length + 2,
  sql: `CREATE TABLE half (x INTEGER) STRICT; PRAGMA user_version = ${MIGRATIONS.length + 2}; SELECT nonsense;`,
};

async function filled(): Promise<string> {
  const folder = await newFolder();
  const box = await openIn(folder);
  const names = Array.from({ length: 60 }, (_, i) => `f${i}`);
  await Promise.all(
    names.map((name) => box.commit({ finding: sampleFinding(name, 'r'), messages: [sampleMessage(name)] })),
  );
  await box.close();
  return folder;
}

test('each migration says its own version, in order from 1', () => {
  MIGRATIONS.forEach(({ version, sql }, i) => {
    expect(version).toBe(i + 1);
    expect(sql).toContain(`PRAGMA user_version = ${version};`);
  });
});

test('a file of the version before is migrated and keeps what it holds', async () => {
  const folder = await filled();
  const { db, fresh } = await openDatabase(nodeFiles, folder, join(folder, DATABASE_FILE), 0, [
    ...MIGRATIONS,
    next,
  ]);
  expect(fresh).toBe(false);
  expect(schemaVersion(db)).toBe(next.version);
  expect(db.prepare('SELECT count(*) AS n FROM findings WHERE review IS NULL').get()).toMatchObject({
    n: 60,
  });
  db.close();
});

test('a migration that fails half-way leaves the version before, whole', async () => {
  const folder = await filled();
  const path = join(folder, DATABASE_FILE);
  await expect(openDatabase(nodeFiles, folder, path, 0, [...MIGRATIONS, next, broken])).rejects.toMatchObject(
    { code: 'DISK_FAILED' },
  );
  const db = new DatabaseSync(path);
  expect(schemaVersion(db)).toBe(MIGRATIONS.length);
  expect(db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'half'").get()).toMatchObject({
    n: 0,
  });
  migrate(db, path);
  db.close();
  const box = await openIn(folder);
  expect(await box.head('alert', 999)).toHaveLength(60);
  await box.close();
});

test('a file of a newer schema is refused and not touched', async () => {
  const folder = await filled();
  const path = join(folder, DATABASE_FILE);
  const db = new DatabaseSync(path);
  db.exec('PRAGMA user_version = 99');
  db.close();
  const before = await readFile(path);
  const names = await readdir(folder);
  await expect(openIn(folder)).rejects.toMatchObject({ code: 'RECORD_SCHEMA_NEWER' });
  expect(Buffer.compare(await readFile(path), before)).toBe(0);
  expect(await readdir(folder)).toEqual(names);
});

test.each([
  ['overwritten with noise', async (path: string) => writeFile(path, randomBytes(50_000))],
  ['a text file', async (path: string) => writeFile(path, 'no database at all '.repeat(500))],
  [
    'damaged inside',
    async (path: string) => {
      const handle = await open(path, 'r+');
      const { size } = await handle.stat();
      for (let at = 4096; at < size; at += 4096) await handle.write(randomBytes(3000), 0, 3000, at + 40);
      await handle.close();
    },
  ],
])('a record that is %s is kept under another name, and a fresh one begun', async (_, damage) => {
  const folder = await filled();
  await mkdir(join(folder, 'stills/r'), { recursive: true });
  await writeFile(join(folder, 'stills/r/f-1-abc.jpg'), 'evidence of before');
  const path = join(folder, DATABASE_FILE);
  await damage(path);
  const damaged = await readFile(path);
  const box = await openIn(folder);
  expect(box.status).toMatchObject({ part: 'record', condition: 'recovering' });
  expect(box.status.reason).toContain('RECORD_CORRUPT');
  expect(box.counters.get('corrupt')).toBe(1);
  await box.commit({ finding: sampleFinding('new', 'r'), messages: [sampleMessage('new')] });
  expect(await box.findings({ limit: 9 })).toHaveLength(1);
  await box.close();
  const names = await readdir(folder);
  const kept = names.find((name) => name.includes('.corrupt-')) ?? '';
  expect(Buffer.compare(await readFile(join(folder, kept)), damaged)).toBe(0);
  const stills = names.find((name) => name.startsWith('stills.kept-')) ?? '';
  expect(await readFile(join(folder, stills, 'r/f-1-abc.jpg'), 'utf8')).toBe('evidence of before');
});

test('a record whose file was removed begins afresh without taking old pictures for orphans', async () => {
  const folder = await filled();
  await mkdir(join(folder, 'stills/r'), { recursive: true });
  await writeFile(join(folder, 'stills/r/f-1-abc.jpg'), 'evidence of before');
  await rm(join(folder, DATABASE_FILE));
  const box = await openIn(folder);
  expect(box.status.condition).toBe('ok');
  await box.close();
  expect((await readdir(folder)).some((name) => name.startsWith('stills.kept-'))).toBe(true);
});

test('a folder that cannot be made gives a black box that says so and rejects', async () => {
  const folder = await newFolder();
  await writeFile(join(folder, 'file'), '');
  const box = await openIn(join(folder, 'file', 'record'));
  expect(box.status).toMatchObject({ condition: 'failed' });
  expect(box.status.reason).toContain('DISK_FAILED');
  await expect(box.commit({ finding: sampleFinding('f', 'r'), messages: [] })).rejects.toMatchObject({
    code: 'DISK_FAILED',
  });
  await expect(box.runs()).rejects.toMatchObject({ code: 'DISK_FAILED' });
  await rm(join(folder, 'file'));
  await box.commit({ finding: sampleFinding('f', 'r'), messages: [] });
  expect(box.status.condition).toBe('ok');
  await box.close();
});
