import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { readClassFolders } from '../../src/training/class-folders.ts';
import { findSamePictures } from '../../src/training/duplicates.ts';
import { readFootage } from '../../src/training/footage-frames.ts';
import { drawPicture, pngOf } from '../../src/training/golden-pictures.ts';
import { readGroupList } from '../../src/training/group-list.ts';
import { type DataRequest, loadData } from '../../src/training/load-data.ts';
import { createProgress } from '../../src/training/progress.ts';
import { createRandom } from '../../src/training/random.ts';
import { CLASS_ORDER, type DataSet, mainClass, type Sample } from '../../src/training/samples.ts';
import { splitByGroup } from '../../src/training/split.ts';

/** What a folder holds beside sound pictures: all of it is accounted for, and nothing is taken for what it is not. */

const size = { width: 40, height: 30 };
const root = await mkdtemp(join(tmpdir(), 'specta-account-'));
afterAll(() => rm(root, { recursive: true }));

const SCENES = { corrosion: 'rust', crack: 'crack', intact: 'plain' } as const;
let made = 0;

/** Of a picture of the newest folder: the same seed would give the same ground in every class. */
function seedOf(className: (typeof CLASS_ORDER)[number], i: number): number {
  return 100 * made + 30 * CLASS_ORDER.indexOf(className) + i;
}

/** A folder with `each` pictures of every class, named by `name`. */
async function folderOf(each: number, name: (i: number) => string): Promise<string> {
  const folder = join(root, `data-${++made}`);
  for (const className of CLASS_ORDER) {
    await mkdir(join(folder, className), { recursive: true });
    for (let i = 0; i < each; i++)
      await writeFile(
        join(folder, className, name(i)),
        await pngOf(drawPicture(SCENES[className], seedOf(className, i))),
      );
  }
  return folder;
}

async function load(changes: Partial<DataRequest>): Promise<DataSet & { said: string }> {
  let said = '';
  const progress = createProgress({ write: (text: string) => (said += text) }, () => 0);
  return loadData({ footage: [], together: [], size, ...changes }, progress, () => 0).then(
    (loaded) => ({ ...loaded, said }),
    (error: unknown) => {
      throw Object.assign(error instanceof Error ? error : new Error(String(error)), { said });
    },
  );
}

test('links count as what they lead to; what is no picture is counted, what cannot be read is named', async () => {
  const data = await folderOf(2, (i) => `a_${i}.png`);
  await rename(join(data, 'crack'), join(root, 'cracks elsewhere'));
  await symlink(join(root, 'cracks elsewhere'), join(data, 'crack'));
  await writeFile(join(data, 'loose_1.png'), 'x');
  await writeFile(join(data, 'crack', 'scan.BMP'), 'x');
  await writeFile(join(data, 'crack', 'notes'), 'x');
  await mkdir(join(data, 'crack', 'more.jpg'));
  await symlink(join(root, 'nowhere'), join(data, 'crack', 'a_gone.jpg'));
  await promisify(execFile)('mkfifo', [join(data, 'crack', 'a_pipe.jpg')]);
  const { samples, unreadable, leftOut } = await readClassFolders(data, { size, together: [] });
  expect(samples.map(mainClass)).toEqual(['corrosion', 'corrosion', 'crack', 'crack', 'intact', 'intact']);
  expect(leftOut).toEqual({
    'pictures beside the class folders': 1,
    'no picture by its name (.bmp)': 1,
    'no picture by its name (without an ending)': 1,
    'folders within a class (crack/more.jpg): they are not looked into': 1,
  });
  expect(unreadable.map(({ file, code }) => [file.slice(data.length), code])).toEqual([
    ['/crack/a_gone.jpg', 'IMAGE_UNREADABLE'],
    ['/crack/a_pipe.jpg', 'IMAGE_UNREADABLE'],
  ]);
});

test('pictures whose names begin with no source are of one, so that a class of them is on every side', async () => {
  const data = await folderOf(10, (i) => `${i}.png`);
  const { samples } = await readClassFolders(data, { size, together: [] });
  expect(new Set(samples.map(({ source }) => source))).toEqual(new Set(['unnamed']));
  const split = splitByGroup(samples, { validation: 0.2, heldOut: 0.3 }, createRandom(1));
  for (const className of CLASS_ORDER) {
    const of = (side: readonly Sample[]): number =>
      side.filter((sample) => mainClass(sample) === className).length;
    expect([of(split.training), of(split.validation), of(split.heldOut)]).toEqual([5, 2, 3]);
  }
});

test('every misfiled picture is named at once; listed ones that are not there are listed as unreadable', async () => {
  const data = await folderOf(2, (i) => `a_${i}.png`);
  const list = join(data, 'manifest.csv');
  const rows = CLASS_ORDER.flatMap((name) => [0, 1].map((i) => `${name}/a_${i}.png,${name}${i},${name}`));
  await writeFile(list, `file,group,class\n${[...rows, 'crack/a_9.png,g9,crack'].join('\n')}\n`);
  const { unreadable, said } = await load({ data });
  expect(unreadable).toMatchObject([{ file: join(data, 'crack/a_9.png'), code: 'IMAGE_UNREADABLE' }]);
  expect(said).toContain('a_9.png');
  const wrong = rows.map((row) => row.replace(/,crack$/, ',intact').replace(/,intact$/, ',corrosion'));
  await writeFile(list, `file,group,class\n${wrong.join('\n')}\n`);
  await expect(load({ data })).rejects.toThrow(
    /4 pictures lie in another class .*crack\/a_0\.png \(corrosion\), .*crack\/a_1\.png .*intact\/a_1\.png/,
  );
});

test('a list from a spreadsheet reads the same; cells that cannot be meant are refused by line', async () => {
  const list = join(root, 'list.csv');
  await writeFile(
    list,
    '\uFEFFfile,group,"effective_px"\r\n"crack/a, b ""c"".jpg", g1 ,180\r\ncrack/ü.jpg,"g2",\r\n',
  );
  const { pictures } = await readGroupList(list);
  expect(pictures).toMatchObject([
    { name: 'crack/a, b "c".jpg', group: 'g1', effectiveSide: 180 },
    { name: 'crack/ü.jpg', group: 'g2' },
  ]);
  for (const [row, words] of [
    ['a.jpg,g1,wide', /line 2 .*effective_px "wide"/],
    ['a.jpg,g1,-4', /line 2 .*effective_px "-4"/],
    ['a,b.jpg,g1,9', /line 2 .*4 cells for 3 columns/],
    ['"a.jpg,g1,9', /line 2 .*not closed/],
    ['"a"b.jpg,g1,9', /line 2 .*behind a closed one/],
  ] as const) {
    await writeFile(list, `file,group,effective_px\n${row}\n`);
    await expect(readGroupList(list)).rejects.toThrow(words);
  }
});

test('what cannot be read is told too where the data is refused for it', async () => {
  const data = join(root, 'all-broken');
  await mkdir(join(data, 'crack'), { recursive: true });
  await writeFile(join(data, 'crack', 'a_1.jpg'), 'no picture');
  await expect(load({ data })).rejects.toMatchObject({
    code: 'DATA_INVALID',
    said: expect.stringMatching(/unreadable: .*a_1\.jpg: .*\[IMAGE_UNSUPPORTED\]/),
  });
  await expect(load({ data, manifest: 'x.csv', footage: [] })).rejects.toMatchObject({
    code: 'DATA_INVALID',
  });
  await expect(load({ manifest: 'x.csv', footage: [root] })).rejects.toMatchObject({ code: 'USAGE' });
});

test('copies of a picture without any detail are copies still', () => {
  const black = (name: string, level: number): Sample => {
    const luma = new Uint8Array(size.width * size.height).fill(level);
    return { file: name, name, group: name, source: 'a', kind: 'still', defects: new Set(), luma };
  };
  const pairs = findSamePictures([black('one', 0), black('two', 0), black('grey', 90)], size);
  expect(pairs).toMatchObject([
    { first: { name: 'one' }, second: { name: 'two' }, kind: 'exact', likeness: 1 },
  ]);
});

test('what is rendered onto a texture goes where the group goes that the texture was cut into', async () => {
  const data = await folderOf(2, (i) => `lab_${i}.png`);
  const rows = CLASS_ORDER.flatMap((name) => [0, 1].map((i) => `${name}/lab_${i}.png,lab:${name}${i}`));
  await writeFile(join(data, 'manifest.csv'), `file,group\n${rows.join('\n')}\n`);
  const textures = join(root, 'textures');
  await mkdir(textures);
  await writeFile(join(textures, 'lab_intact0.png'), await pngOf(drawPicture('plain', 7)));
  await writeFile(join(textures, 'lab_other.webp'), 'no picture');
  await writeFile(join(textures, 'README'), '');
  const request = { data, render: { count: 30, seed: 1, textures } };
  const groupsOnTextures = ({ samples }: DataSet): Set<string> =>
    new Set(samples.filter(({ file }) => file.startsWith(textures)).map(({ group }) => group));
  const apart = await load(request);
  expect(groupsOnTextures(apart)).toEqual(new Set(['lab:intact0']));
  expect(apart.unreadable.map(({ file }) => file)).toEqual([join(textures, 'lab_other.webp')]);
  expect(apart.said).toContain('left out: 1 textures: no picture by its name (without an ending)');
  // One group for the whole source: its textures too, or they would be learnt from while it is held out.
  expect(groupsOnTextures(await load({ ...request, together: ['lab'] }))).toEqual(new Set(['lab']));
  // The same for groups that are joined because they share a picture.
  const copy = await pngOf(drawPicture('plain', seedOf('intact', 0)));
  await writeFile(join(data, 'intact', 'lab_2.png'), copy);
  await writeFile(join(data, 'manifest.csv'), `file,group\n${rows.join('\n')}\nintact/lab_2.png,a:first\n`);
  expect(groupsOnTextures(await load({ ...request, duplicates: 'join' }))).toEqual(new Set(['a:first']));
});

test('footage that is left out is counted; runs without frames or a readable truth have their own words', async () => {
  const data = await folderOf(2, (i) => `a_${i}.png`);
  const runs = join(root, 'runs');
  await mkdir(join(runs, 'r1'), { recursive: true });
  await writeFile(join(runs, 'r1', 'truth.jsonl'), '');
  const { leftOut } = await load({ data, footage: [runs], leaveOut: ['footage'] });
  expect(leftOut).toEqual({ 'folders of footage, as asked': 1 });
  await expect(readFootage(runs, { size })).rejects.toMatchObject({ code: 'FOLDER_EMPTY' });
  await expect(readFootage(join(runs, 'none'), { size })).rejects.toMatchObject({
    code: 'FOLDER_UNREADABLE',
  });
});
