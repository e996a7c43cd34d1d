import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { readClassFolders } from '../../src/training/class-folders.ts';
import { readFootage } from '../../src/training/footage-frames.ts';
import { drawPicture, pngOf } from '../../src/training/golden-pictures.ts';
import { readGroupList } from '../../src/training/group-list.ts';
import { loadData } from '../../src/training/load-data.ts';
import { createProgress } from '../../src/training/progress.ts';
import { createRandom } from '../../src/training/random.ts';
import { mainClass, type Sample } from '../../src/training/samples.ts';
import { groupsOf, splitByGroup } from '../../src/training/split.ts';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-training-'));
  folders.push(folder);
  return folder;
}

const size = { width: 40, height: 30 };

async function dataFolder(): Promise<string> {
  const folder = await temporaryFolder();
  const lines = ['file,group,native_px'];
  for (const [className, scene] of [
    ['corrosion', 'rust'],
    ['crack', 'crack'],
    ['intact', 'plain'],
  ] as const) {
    await mkdir(join(folder, 'train', className), { recursive: true });
    for (let i = 1; i <= 2; i++) {
      const name = `metu8_${i}.png`;
      await writeFile(join(folder, 'train', className, name), await pngOf(drawPicture(scene, i)));
      lines.push(`train/${className}/${name},photo:${className}${i},227`);
    }
  }
  await writeFile(join(folder, 'manifest.csv'), `${lines.join('\n')}\n`);
  return folder;
}

test('class folders become samples with group, source and luma of the network size', async () => {
  const folder = await dataFolder();
  const groups = await readGroupList(join(folder, 'manifest.csv'));
  const { samples, unreadable } = await readClassFolders(join(folder, 'train'), {
    size,
    groups,
    together: [],
  });
  expect(unreadable).toEqual([]);
  expect(samples.map(mainClass)).toEqual(['corrosion', 'corrosion', 'crack', 'crack', 'intact', 'intact']);
  expect(samples[2]).toMatchObject({
    name: 'train/crack/metu8_1.png',
    group: 'photo:crack1',
    source: 'metu8',
  });
  expect(samples.every(({ luma }) => luma.length === size.width * size.height)).toBe(true);
  expect(new Set(samples.map(({ luma }) => luma.join())).size).toBe(6);
});

test('a source whose photos are unknown is one group', async () => {
  const folder = await dataFolder();
  const groups = await readGroupList(join(folder, 'manifest.csv'));
  const { samples } = await readClassFolders(join(folder, 'train'), { size, groups, together: ['metu8'] });
  expect(groupsOf(samples)).toEqual(['metu8']);
});

test('unreadable pictures are listed with their reason, never passed over', async () => {
  const folder = await dataFolder();
  await writeFile(join(folder, 'train', 'crack', 'x_empty.jpg'), '');
  await writeFile(join(folder, 'train', 'crack', 'x_text.jpg'), 'not a picture');
  const { samples, unreadable } = await readClassFolders(join(folder, 'train'), { size, together: [] });
  expect(samples).toHaveLength(6);
  expect(unreadable.map(({ code }) => code)).toEqual(['IMAGE_EMPTY', 'IMAGE_UNSUPPORTED']);
  expect(unreadable[0].file).toContain('x_empty.jpg');
});

test('misfiled, one-class, empty and missing folders each have their own words', async () => {
  const folder = await dataFolder();
  await mkdir(join(folder, 'train', 'dents'));
  const read = (path: string): Promise<unknown> => readClassFolders(path, { size, together: [] });
  await expect(read(join(folder, 'train'))).rejects.toMatchObject({ code: 'DATA_INVALID' });
  await expect(read(join(folder, 'train'))).rejects.toThrow(/dents is not a class/);
  const single = await temporaryFolder();
  await expect(read(single)).rejects.toMatchObject({ code: 'FOLDER_EMPTY' });
  await mkdir(join(single, 'Crack'));
  await writeFile(join(single, 'Crack', 'a.png'), await pngOf(drawPicture('crack', 1)));
  const progress = createProgress({ write: () => true }, () => 0);
  const request = { data: single, footage: [], together: [], size };
  await expect(loadData(request, progress, () => 0)).rejects.toThrow(/one class only: crack/);
  await expect(read(join(single, 'none'))).rejects.toMatchObject({ code: 'FOLDER_UNREADABLE' });
});

test('a picture that the group list does not name is refused: its photo may be on both sides', async () => {
  const folder = await dataFolder();
  await writeFile(join(folder, 'train', 'crack', 'new_1.png'), await pngOf(drawPicture('crack', 9)));
  const groups = await readGroupList(join(folder, 'manifest.csv'));
  await expect(readClassFolders(join(folder, 'train'), { size, groups, together: [] })).rejects.toThrow(
    /new_1/,
  );
});

test('a group list with wrong columns or two groups for one file names the place', async () => {
  const folder = await temporaryFolder();
  const list = join(folder, 'manifest.csv');
  await writeFile(list, 'name,photo\na,b\n');
  await expect(readGroupList(list)).rejects.toThrow(/columns name, photo/);
  await writeFile(list, 'file,group\na.jpg,x\na.jpg,y\n');
  await expect(readGroupList(list)).rejects.toThrow(/line 3 .*into y, after x/);
  await expect(readGroupList(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'DATA_INVALID' });
});

test('rendered frames are labelled by what is clearly visible; doubtful and blind ones are left out and counted', async () => {
  const folder = await temporaryFolder();
  const run = join(folder, 'run-7');
  await mkdir(run);
  const crack = { id: 'd1', defect: 'crack', areaShare: 0.01, contrast: 0.2 };
  const rust = { id: 'd2', defect: 'corrosion', areaShare: 0.05, contrast: 0.2 };
  const frames = [
    { visible: [], faint: [], blind: null },
    { visible: [crack], faint: [], blind: null },
    { visible: [crack, rust], faint: [], blind: null },
    { visible: [{ ...crack, areaShare: 0.0004 }], faint: [], blind: null },
    { visible: [rust], faint: ['d1'], blind: null },
    { visible: [crack], faint: ['d1'], blind: null },
    { visible: [], faint: ['d9'], blind: null },
    { visible: [], faint: [], blind: 'dark' },
  ];
  const truth = frames.map((frame, index) => JSON.stringify({ file: `f${index}.png`, ...frame }));
  await writeFile(join(run, 'truth.jsonl'), `${truth.join('\n')}\n`);
  for (let i = 0; i < frames.length; i++) {
    await writeFile(join(run, `f${i}.png`), await pngOf(drawPicture('plain', i)));
  }
  const { samples, leftOut, unreadable } = await readFootage(folder, { size });
  expect(unreadable).toEqual([]);
  expect(samples.map(({ name, defects }) => [name, [...defects].sort().join('+')])).toEqual([
    ['run-7/f0.png', ''],
    ['run-7/f1.png', 'crack'],
    ['run-7/f2.png', 'corrosion+crack'],
    ['run-7/f5.png', 'crack'],
  ]);
  expect(groupsOf(samples)).toEqual(['footage:run-7']);
  expect(leftOut).toEqual({ 'footage frames: ambiguous': 3, 'footage frames: blind': 1 });
  await writeFile(join(run, 'truth.jsonl'), `${truth[0]}\n{"frame":2}\n`);
  await expect(readFootage(run, { size })).rejects.toThrow(/line 2 of .*truth.jsonl/);
});

const sampleArbitrary = fc.record({
  group: fc.integer({ min: 0, max: 25 }).map((n) => `g${n}`),
  source: fc.constantFrom('a', 'b'),
  crack: fc.boolean(),
});

test('no group is ever on two sides, nothing is lost, and the same seed splits the same', () => {
  fc.assert(
    fc.property(fc.array(sampleArbitrary, { minLength: 1, maxLength: 120 }), fc.integer(), (rows, seed) => {
      const samples = rows.map(
        ({ group, source, crack }, index): Sample => ({
          file: `${index}`,
          name: `${index}`,
          group,
          source,
          kind: 'still',
          defects: new Set(crack ? ['crack'] : []),
          luma: new Uint8Array(0),
        }),
      );
      const shares = { validation: 0.15, heldOut: 0.2 };
      const split = splitByGroup(samples, shares, createRandom(seed));
      const again = splitByGroup(samples, shares, createRandom(seed));
      expect(groupsOf(again.heldOut)).toEqual(groupsOf(split.heldOut));
      const sides = [split.training, split.validation, split.heldOut];
      expect(sides.flatMap((side) => side.map(({ file }) => file)).sort()).toEqual(
        samples.map(({ file }) => file).sort(),
      );
      const groups = sides.flatMap((side) => groupsOf(side));
      expect(new Set(groups).size).toBe(groups.length);
    }),
    { numRuns: 60 },
  );
});

test('each class of each source gets about its share when groups are small', () => {
  const samples = Array.from({ length: 300 }, (_, index): Sample => {
    const crack = index % 3 === 0;
    return {
      file: `${index}`,
      name: `${index}`,
      group: `g${Math.floor(index / 3)}-${crack}`,
      source: 'a',
      kind: 'still',
      defects: new Set(crack ? ['crack'] : []),
      luma: new Uint8Array(0),
    };
  });
  const { heldOut, validation } = splitByGroup(samples, { validation: 0.15, heldOut: 0.2 }, createRandom(4));
  const cracks = (side: readonly Sample[]): number =>
    side.filter(({ defects }) => defects.has('crack')).length;
  expect(cracks(heldOut)).toBe(20);
  expect(heldOut.length - cracks(heldOut)).toBe(40);
  expect(cracks(validation)).toBe(15);
});
