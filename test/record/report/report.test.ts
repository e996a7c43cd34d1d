import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/platform/clock.ts';
import { nodeFiles } from '../../../src/platform/files.ts';
import { createLog } from '../../../src/platform/log.ts';
import { openBlackBox } from '../../../src/record/black-box.ts';
import { readRecord } from '../../../src/record/read-record.ts';
import { evidenceFaults, makeDossier } from '../../../src/record/report/dossier.ts';
import { exportRun, writeFiles } from '../../../src/record/report/export-run.ts';
import { escaped } from '../../../src/record/report/page.ts';
import { reportFiles } from '../../../src/record/report/report-files.ts';
import { verifyReport } from '../../../src/record/report/verify.ts';
import { at, jpegFrame, newFolder, sampleFinding, sampleJpeg, sampleRun } from '../samples.ts';

const ABOUT = { version: '0.1.0', madeAtUtcMs: Date.UTC(2026, 4, 21) };
const EVIL = '</script><script>alert(1)</script><img src=x onerror=alert(1)>"=1+1';

/** What people said of cracks; the alert of an older version says nothing. */
const MARKS = {
  'F-3': {
    review: 'rejected',
    reviewed: { at: '2026-04-21T08:00:00.000Z', by: 'A. Sari', note: EVIL },
    acknowledged: null,
  },
  'F-4': {
    review: 'confirmed',
    reviewed: { at: '2026-04-21T09:30:00.000Z', by: null, note: null },
    acknowledged: { at: '2026-04-21T08:59:00.000Z', by: 'B. Tan' },
  },
  'F-5': {},
};

/** A record with one run and one finding with its pictures; the run's words try to break out of a page. */
async function recordWithRun(): Promise<string> {
  const folder = await newFolder();
  const log = createLog('silent');
  const record = await openBlackBox({ folder, boot: 'boot', log, clock: systemClock });
  const annals = {
    gaps: [{ kind: 'turbid' as const, fromUtcMs: 3_000, toUtcMs: 9_000, kpFrom: 12.1, kpTo: 12.2 }],
    gapsLeftOut: 0,
    kpSeen: [12, 13.5] as const,
    faults: [{ part: 'link' as const, condition: 'recovering' as const, reason: EVIL, atUtcMs: 5_000 }],
    faultsLeftOut: 0,
    clockQuality: 'unsynchronised' as const,
  };
  await record.startRun(sampleRun('R-1', { endedAt: at(20_000), end: 'requested', annals }));
  const fix = {
    at: at(11),
    source: 'nmea-udp:0.0.0.0:1',
    kp: 12.345,
    latitude: 1,
    longitude: 104,
    depth: 40,
    heading: 90,
    missing: null,
  };
  const finding = sampleFinding('F-1', 'R-1', { fix, advice: { en: EVIL, id: 'Lihat.' } });
  const frame = jpegFrame(await sampleJpeg(160, 120));
  const evidence = await record.saveStill({ findingId: 'F-1', runId: 'R-1', frame, peakProbability: 0.97 });
  await record.commit({ finding, evidence, messages: [] });
  await record.annotate({
    evidence,
    caption: { title: 'CRACK', lines: ['one'], tone: 'crack' },
    topic: 'specta/rov-1/alerts/F-1/image',
  });
  await record.commit({ finding: sampleFinding('F-2', 'R-1', { defect: 'corrosion' }), messages: [] });
  for (const [id, marks] of Object.entries(MARKS)) {
    const payload = new TextEncoder().encode(JSON.stringify({ finding: id, ...marks }));
    const message = { lane: 'alert', topic: 't', contentType: 'application/json', payload } as const;
    await record.commit({ finding: sampleFinding(id, 'R-1'), messages: [message] });
  }
  await record.close();
  return folder;
}

async function dossierOf(folder: string) {
  const record = readRecord(nodeFiles, folder);
  try {
    const [run] = record.runs();
    if (!run) throw new Error('no run');
    return await makeDossier(record, run, ABOUT);
  } finally {
    record.close();
  }
}

test('a report has everything of a run, and every digest in it agrees', async () => {
  const report = await dossierOf(await recordWithRun());
  expect(evidenceFaults(report.dossier)).toEqual([]);
  const out = await newFolder();
  const files = reportFiles(report, true);
  await writeFiles(nodeFiles, out, files);
  expect([...files.keys()].filter((file) => !file.startsWith('stills/'))).toEqual([
    'report.html',
    'report.json',
    'findings.csv',
    'findings.geojson',
    'SHA256SUMS',
  ]);
  expect(await verifyReport(nodeFiles, join(out, 'report.html'))).toEqual({ checked: 2, mismatches: [] });
  expect(await verifyReport(nodeFiles, join(out, 'report.json'))).toEqual({ checked: 2, mismatches: [] });
  expect(await verifyReport(nodeFiles, out)).toEqual({ checked: 6, mismatches: [] });
  const page = await readFile(join(out, 'report.html'), 'utf8');
  for (const words of [
    'KP 12.345',
    'turbid',
    'KP 12.100 to KP 12.200',
    '12.000 to 13.500',
    'not disciplined',
    'No picture is kept',
  ]) {
    expect(page, words).toContain(words);
  }
  // Nothing that the record says becomes markup, and nothing is loaded from elsewhere.
  expect(page).not.toMatch(/<script>|<img (?!data-file)|(?:src|href)="(?!data:)/);
  const csv = await readFile(join(out, 'findings.csv'), 'utf8');
  expect(csv.split('\r\n')[1]).toContain('F-1,crack,critical,1970-01-01T00:00:00.010Z');
  const { features } = JSON.parse(await readFile(join(out, 'findings.geojson'), 'utf8'));
  expect(features[0]).toMatchObject({
    id: 'F-1',
    geometry: { coordinates: [104, 1] },
    properties: { kp_km: 12.345 },
  });
  expect(features[1]).toMatchObject({ id: 'F-2', geometry: null });
});

test('what people said of a finding is told with it and counts: what was rejected is no defect', async () => {
  const { dossier, pictures } = await dossierOf(await recordWithRun());
  expect(dossier.findings.map(({ id, review }) => [id, review])).toEqual([
    ['F-1', 'unreviewed'],
    ['F-2', 'unreviewed'],
    ['F-3', 'rejected'],
    ['F-4', 'confirmed'],
    ['F-5', 'unreviewed'],
  ]);
  const files = reportFiles({ dossier, pictures }, false);
  const textOf = (file: string): string => new TextDecoder().decode(files.get(file));
  const page = textOf('report.html');
  expect(page).toContain('<b>3</b>cracks<small>1 confirmed, 2 not reviewed, 1 rejected: not counted</small>');
  expect(page).toContain('<b>1</b>corrosion<small>1 not reviewed</small>');
  expect(page).toContain('rejected by A. Sari, 2026-04-21 08:00:00 UTC: ');
  expect(page).toContain('confirmed by a person who gave no name, 2026-04-21 09:30:00 UTC');
  expect(page).toContain('by B. Tan, 2026-04-21 08:59:00 UTC');
  expect(page).not.toMatch(/<script>|<img (?!data-file)/);
  const [head = '', ...lines] = textOf('findings.csv').split('\r\n');
  expect(head).toMatch(/,review,reviewed_utc,reviewed_by,review_note,acknowledged_utc,acknowledged_by$/);
  expect(lines[3]).toContain(',confirmed,2026-04-21T09:30:00.000Z,,,2026-04-21T08:59:00.000Z,B. Tan');
  const { features } = JSON.parse(textOf('findings.geojson'));
  expect(features[2].properties).toMatchObject({ review: 'rejected', reviewed_by: 'A. Sari' });
});

test('any change of a page is named', async () => {
  const report = await dossierOf(await recordWithRun());
  const out = await newFolder();
  await writeFiles(nodeFiles, out, reportFiles(report, true));
  const path = join(out, 'report.html');
  const page = await readFile(path, 'utf8');
  await writeFile(path, page.replace('0.970 at its peak', '0.170 at its peak'));
  expect((await verifyReport(nodeFiles, path)).mismatches).toEqual(['the page: its digest differs']);
  const still = report.dossier.findings[0]?.stills.at(-1);
  await writeFile(path, page.replace(/base64,\/9j\/./, 'base64,/9j/5'));
  expect((await verifyReport(nodeFiles, path)).mismatches).toEqual([
    'the page: its digest differs',
    `${still?.file}: its digest differs`,
  ]);
  expect((await verifyReport(nodeFiles, out)).mismatches).toEqual(['report.html: its digest differs']);
  await nodeFiles.remove(join(out, still?.file ?? ''));
  expect((await verifyReport(nodeFiles, join(out, 'report.json'))).mismatches).toEqual([
    `${still?.file} of F-1: it is not there`,
  ]);
});

test('evidence that was changed or removed since it was saved is told, not hidden', async () => {
  const folder = await recordWithRun();
  const before = await dossierOf(folder);
  const record = readRecord(nodeFiles, folder);
  const [clean, annotated] = record.evidenceOf('F-1');
  record.close();
  await writeFile(join(folder, clean?.file ?? ''), 'something else');
  await nodeFiles.remove(join(folder, annotated?.file ?? ''));
  const after = await dossierOf(folder);
  expect(before.dossier.findings[0]?.stills.map(({ state }) => state)).toEqual(['intact', 'intact']);
  expect(after.dossier.findings[0]?.stills.map(({ state }) => state)).toEqual(['changed', 'gone']);
  expect(evidenceFaults(after.dossier)).toHaveLength(2);
  const page = new TextDecoder().decode(reportFiles(after, false).get('report.html'));
  expect(page).toContain('Evidence is not whole');
  expect(page).not.toContain('<img');
});

test('an export is whole, can be repeated, and is refused before it begins where there is no room', async () => {
  const report = await dossierOf(await recordWithRun());
  const stick = await newFolder();
  const first = await exportRun(nodeFiles, report, stick);
  expect(await exportRun(nodeFiles, report, stick)).toEqual(first);
  expect((await verifyReport(nodeFiles, first.folder)).mismatches).toEqual([]);
  const full = await newFolder();
  const tiny = { ...nodeFiles, freeBytes: async () => 10 };
  await expect(exportRun(tiny, report, full)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await nodeFiles.list(full)).toEqual([]);
});

test('an export that reads back as something else is an error', async () => {
  const report = await dossierOf(await recordWithRun());
  const lying = {
    ...nodeFiles,
    readFile: async (path: string) => (path.endsWith('.csv') ? new Uint8Array(3) : nodeFiles.readFile(path)),
  };
  await expect(exportRun(lying, report, await newFolder())).rejects.toMatchObject({ code: 'DISK_FAILED' });
});

test('what is no report is said to be none', async () => {
  const folder = await newFolder();
  await mkdir(join(folder, 'empty'));
  for (const [name, text] of [
    ['a.html', '<!doctype html><p>'],
    ['a.json', '{}'],
    ['a.txt', 'words'],
  ] as const) {
    await writeFile(join(folder, name), text);
    await expect(verifyReport(nodeFiles, join(folder, name)), name).rejects.toMatchObject({
      code: 'DATA_INVALID',
    });
  }
  await expect(verifyReport(nodeFiles, join(folder, 'empty'))).rejects.toMatchObject({
    code: 'DATA_INVALID',
  });
  await expect(verifyReport(nodeFiles, join(folder, 'nothing'))).rejects.toMatchObject({
    code: 'DATA_INVALID',
  });
});

test('digests never lead out of the folder', async () => {
  const folder = await newFolder();
  await writeFile(join(folder, 'SHA256SUMS'), `${'0'.repeat(64)}  ../../etc/hostname\n`);
  expect((await verifyReport(nodeFiles, folder)).mismatches).toEqual(['../../etc/hostname: it is not there']);
});

test('text stays text', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(escaped(text)).not.toMatch(/[<>"']/);
    }),
  );
});
