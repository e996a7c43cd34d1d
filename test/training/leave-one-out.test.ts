import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FrameTruth } from '../../src/footage/frame-truth.ts';
import { openBundle } from '../../src/model/bundle.ts';
import { evaluateBundle } from '../../src/training/evaluate.ts';
import { evaluationLines, evaluationRecord, writeEvaluation } from '../../src/training/evaluation-files.ts';
import { drawPicture, pngOf } from '../../src/training/golden-pictures.ts';
import { type LeaveOneOutRequest, leaveOneOut } from '../../src/training/leave-one-out.ts';
import { leftOutLines, summariseLeftOut } from '../../src/training/leave-one-out-table.ts';
import { createProgress } from '../../src/training/progress.ts';
import { compareFindings } from '../../src/training/run-findings.ts';

let root = '';
const SOURCES = ['red', 'green', 'blue'];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'specta-folds-'));
  let seed = 0;
  for (const [className, scene] of [
    ['corrosion', 'rust'],
    ['crack', 'crack'],
    ['intact', 'plain'],
  ] as const) {
    const folder = join(root, 'data', className);
    await mkdir(folder, { recursive: true });
    for (const source of SOURCES) {
      // Blue knows no rust, as real sources lack classes.
      if (source === 'blue' && className === 'corrosion') continue;
      for (let i = 0; i < 7; i++)
        await writeFile(join(folder, `${source}_${i}.png`), await pngOf(drawPicture(scene, ++seed)));
    }
  }
}, 60_000);
afterAll(() => rm(root, { recursive: true }));

let spoken = '';
const now = (): number => performance.now();
const progress = createProgress({ write: (text: string) => (spoken += text) }, now);

const request = (changes: Partial<LeaveOneOutRequest> = {}): LeaveOneOutRequest => ({
  folds: SOURCES,
  out: join(root, 'folds'),
  words: 'tiny, 3 epochs',
  train: {
    data: join(root, 'data'),
    footage: [],
    together: [],
    network: (head) => ({
      name: 'tiny',
      input: { channels: 1, height: 32, width: 32 },
      layers: [
        { kind: 'conv', filters: 6, kernel: 3, stride: 2, padding: 0 },
        { kind: 'relu' },
        { kind: 'maxPool', size: 2, stride: 2 },
        { kind: 'flatten' },
        { kind: 'dense', units: head.units },
      ],
      output: head,
    }),
    output: 'sigmoid',
    normalisation: 'standard',
    epochs: 3,
    batch: 4,
    microBatch: 4,
    learningRate: 3e-3,
    threads: 1,
    seed: 5,
    shares: { validation: 0.2, heldOut: 0.1 },
    falseAlertRate: 0.02,
    writeEachBest: false,
  },
  ...changes,
});

test('each source is judged by a network that never saw it; a finished fold is not done again', async () => {
  const { folds, output } = await leaveOneOut(request(), progress, now);
  expect(folds.map(({ sources, asIs }) => [sources, asIs.length])).toEqual([
    ['red', 21],
    ['green', 21],
    ['blue', 14],
  ]);
  for (const { sources, asIs, equalised } of folds) {
    expect(new Set(asIs.map(({ sample }) => sample.source))).toEqual(new Set([sources]));
    expect(equalised.map(({ sample }) => sample.name)).toEqual(asIs.map(({ sample }) => sample.name));
    const { manifest } = await openBundle(join(root, 'folds', sources, 'left-out', '0.0.1'));
    expect(manifest.provenance.trainedOn).not.toContain(sources);
    expect(manifest.provenance.heldOutGroups.some((group) => group.includes(`${sources}_`))).toBe(false);
  }
  const summary = summariseLeftOut({ folds, output });
  expect(summary.count).toBe(56);
  expect(summary.rows.some(({ sources, truth }) => sources === 'blue' && truth === 'corrosion')).toBe(false);
  expect(summary.classes.map(({ count }) => count)).toEqual([14, 21, 21]);
  const recalls = summary.classes.map(({ asIs }) => asIs.thresholds ?? Number.NaN);
  expect(summary.balanced.asIs.thresholds).toBeCloseTo(recalls.reduce((a, b) => a + b, 0) / 3);
  expect(leftOutLines(summary).join('\n')).toMatch(/blue crack +7 .*\n.*blue intact +7 /);
  const { asGiven, byOtherFolds, temperature } = summary.calibration;
  expect(asGiven.asIs).toBeCloseTo(summary.measures.asIs?.reliability.error ?? Number.NaN);
  expect(byOtherFolds.equalised).toBeLessThan(1);
  expect(temperature).toBeGreaterThan(0);

  spoken = '';
  const again = await leaveOneOut(request(), progress, now);
  expect(spoken).toBe(SOURCES.map((source) => `without ${source}: done before\n`).join(''));
  expect(again.folds).toEqual(folds);
  await expect(leaveOneOut(request({ words: 'other' }), progress, now)).rejects.toThrow(/tiny, 3 epochs/);
  await expect(leaveOneOut(request({ folds: ['grey'] }), progress, now)).rejects.toThrow(
    /no picture is of grey/,
  );
}, 120_000);

test('a fold that is named twice, or whose photos others would train on, is refused before any training', async () => {
  const out = join(root, 'refused');
  await expect(leaveOneOut(request({ out, folds: ['red', 'red'] }), progress, now)).rejects.toThrow(
    /red is left out twice/,
  );
  const classes = ['corrosion', 'crack', 'intact'];
  const names = classes.flatMap((each) =>
    SOURCES.flatMap((source) => Array.from({ length: 7 }, (_, i) => `${each}/${source}_${i}.png`)),
  );
  const manifest = join(root, 'shared.csv');
  const rows = names.map((name) => `data/${name},${/crack.(red|blue)_0/.test(name) ? 'one photo' : name}`);
  await writeFile(manifest, `file,group\n${rows.filter((row) => !/corrosion.blue/.test(row)).join('\n')}\n`);
  const { train } = request();
  const shared = (folds: string[]) =>
    leaveOneOut(request({ out, folds, train: { ...train, manifest } }), progress, now);
  await expect(shared(['green', 'red'])).rejects.toMatchObject({
    code: 'DATA_INVALID',
    message: expect.stringMatching(
      /with red left out, blue would still train on pictures of the group one photo/,
    ),
  });
  await expect(shared(['red+none'])).rejects.toMatchObject({ code: 'USAGE' });
  expect(existsSync(out)).toBe(false);
}, 60_000);

test('an evaluation comes both ways, as text, as JSON without pixels and as one page that needs nothing else', async () => {
  await leaveOneOut(request({ folds: ['red'] }), progress, now);
  const bundle = await openBundle(join(root, 'folds', 'red', 'left-out', '0.0.1'));
  const asked = { data: join(root, 'data'), footage: [], together: [], only: ['red'], everything: true };
  const evaluation = await evaluateBundle({ ...asked, bundle, threads: 1 }, progress, now);
  const runs = [
    {
      name: 'r',
      hours: 0.5,
      rate: 5,
      defects: 2,
      found: 1,
      recall: 0.5,
      findings: 3,
      falseAlerts: 1,
      falseAlertsAnHour: 2,
      blindShare: 0,
    },
  ];
  const facts = { bundle, evaluation, runs };
  expect(evaluationLines(facts).join('\n')).toMatch(
    /As is:[\s\S]*redrawn[\s\S]*2\.00 an hour\), 1 of 2 defects/,
  );
  const record = evaluationRecord(facts);
  expect(record).toMatchObject({ count: 21, equalised: { count: 21 }, runs });
  await writeEvaluation(join(root, 'evaluation'), facts, ['words & more']);
  const json = JSON.parse(await readFile(join(root, 'evaluation', 'evaluation.json'), 'utf8'));
  expect(json.measures.curves).toHaveLength(3);
  expect(JSON.stringify(json)).not.toContain('luma');
  const page = await readFile(join(root, 'evaluation', 'evaluation.html'), 'utf8');
  expect(page.match(/<svg /g)).toHaveLength(8);
  expect(page).toContain('words &#38; more');
  expect(page).not.toMatch(/(src|href)="(?!data:)/);
  expect(page.match(/<figure>/g)?.length ?? 0).toBe(
    evaluation.asIs.mistakes.length + (evaluation.equalised?.mistakes.length ?? 0),
  );

  // Runs alone are written too, and files with names of all kinds are told without becoming part of the page.
  const unreadable = ['/data/<img src=x>.jpg'];
  await writeEvaluation(
    join(root, 'evaluation'),
    { ...facts, evaluation: { ...evaluation, unreadable } },
    [],
  );
  expect(await readFile(join(root, 'evaluation', 'evaluation.html'), 'utf8')).toContain(
    'Unreadable: /data/&#60;img src=x&#62;.jpg',
  );
  const runsAlone = { bundle, evaluation: null, runs };
  expect(evaluationLines(runsAlone)).toHaveLength(1);
  await writeEvaluation(join(root, 'runs-alone'), runsAlone, []);
  expect(JSON.parse(await readFile(join(root, 'runs-alone', 'evaluation.json'), 'utf8'))).toMatchObject({
    model: { name: 'left-out' },
    runs: [{ name: 'r', falseAlertsAnHour: 2 }],
  });
  expect(await readFile(join(root, 'runs-alone', 'evaluation.html'), 'utf8')).toContain('1 of 2');

  // For measuring one class is enough.
  await mkdir(join(root, 'cracks', 'crack'), { recursive: true });
  await writeFile(join(root, 'cracks', 'crack', 'red_1.png'), await pngOf(drawPicture('crack', 900)));
  const cracks = { data: join(root, 'cracks'), footage: [], together: [], everything: true };
  const ofCracks = await evaluateBundle({ ...cracks, bundle, threads: 1 }, progress, now);
  expect(ofCracks.report.count).toBe(1);
}, 120_000);

test('findings are compared with the truth: found by class and time, false only where nothing of its class was', () => {
  const frame = (seconds: number, shown: Partial<FrameTruth>): FrameTruth => ({
    frame: seconds + 1,
    file: `${seconds}.jpg`,
    seconds,
    metres: 0,
    visible: [],
    faint: [],
    distractors: [],
    blind: null,
    scene: 'steel',
    turbidity: 0,
    distance: 1,
    luma: 100,
    ...shown,
  });
  const see = (id: string, defect: 'crack' | 'corrosion'): Partial<FrameTruth> => ({
    visible: [{ id, defect, box: [0, 0, 9, 9], areaShare: 0.1, contrast: 0.2 }],
  });
  const truth = Array.from({ length: 60 }, (_, second) => {
    if (second >= 10 && second < 15) return frame(second, see('d1', 'crack'));
    if (second >= 30 && second < 35) return frame(second, see('d2', 'corrosion'));
    if (second === 40) return frame(second, see('d3', 'crack'));
    if (second >= 50 && second < 53) return frame(second, { faint: ['d3'] });
    return frame(second, {});
  });
  const finding = (defect: 'crack' | 'corrosion', from: number, to: number) => {
    return { defect, fromMs: from * 1000, toMs: to * 1000 };
  };
  const options = { leastFrames: 3, toleranceMs: 1000 };
  const compare = (...findings: ReturnType<typeof finding>[]) => compareFindings(findings, truth, options);
  expect(compare()).toMatchObject({ defects: 2, found: 0, recall: 0, falseAlerts: 0 });
  expect(compare(finding('crack', 12, 16))).toMatchObject({ found: 1, recall: 0.5, falseAlerts: 0 });
  expect(compare(finding('corrosion', 12, 16))).toMatchObject({ found: 0, falseAlerts: 1 });
  expect(compare(finding('crack', 51, 52))).toMatchObject({ found: 0, falseAlerts: 0 });
  expect(compare(finding('crack', 20, 22), finding('corrosion', 29, 36))).toMatchObject({
    found: 1,
    findings: 2,
    falseAlerts: 1,
  });
});
