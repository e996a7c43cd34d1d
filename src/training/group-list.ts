import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { DEFECT_CLASSES, type DefectClass } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';

/** What a data set's `manifest.csv` says of one picture. */
export interface ListedPicture {
  /** Absolute path. */
  readonly file: string;
  /** The list's name for it: its path from the list's folder, with forward slashes. */
  readonly name: string;
  readonly group: string;
  /** What is to be seen in it, from the column `class`; absent where the list has none: the folder says it then. */
  readonly defects?: ReadonlySet<DefectClass>;
  /** Where, pixels of the file, from the column `boxes`. */
  readonly boxes: readonly PixelBox[];
  /** Pixels along a side before it was enlarged, from the column `effective_px`. */
  readonly effectiveSide?: number;
}

export interface PixelBox {
  readonly defect: DefectClass;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Which group each picture belongs to, as a data set's `manifest.csv` says. */
export interface GroupList {
  readonly pictures: readonly ListedPicture[];
  /** What it says of the picture at an absolute path; undefined where the list does not name it. */
  find(file: string): ListedPicture | undefined;
}

/**
 * Reads a comma-separated list with the columns `file` (path from the list's folder) and `group`, and, where they are
 * there, `class` (`crack`, `corrosion`, `corrosion+crack`, `intact`), `boxes` (`crack 10 20 64 48; corrosion …`: left,
 * top, width, height in pixels of the file) and `effective_px`; others are ignored. Cells may be quoted.
 * Throws `DATA_INVALID` where it cannot be read, lacks a column, gives one file two groups, or a cell does not fit.
 */
export async function readGroupList(path: string): Promise<GroupList> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new SpectaError(
      'DATA_INVALID',
      `the list of groups ${path} cannot be read`,
      'Name an existing manifest.csv with --manifest.',
      error,
    );
  });
  // Spreadsheets begin their files with a byte order mark.
  const [header = '', ...lines] = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const columns = (cellsOf(header) ?? []).map((name) => name.trim());
  if (!columns.includes('file') || !columns.includes('group')) {
    throw new SpectaError(
      'DATA_INVALID',
      `${path} has the columns ${columns.join(', ')}`,
      'It needs at least the columns file and group.',
    );
  }
  const folder = dirname(resolve(path));
  const byFile = new Map<string, ListedPicture>();
  lines.forEach((line, index) => {
    if (line === '') return;
    const fail = (what: string): SpectaError => badLine(path, index + 2, what);
    const cells = cellsOf(line);
    if (cells === null)
      throw fail('has a quotation mark that is not closed, or something behind a closed one');
    if (cells.length > columns.length) throw fail(`has ${cells.length} cells for ${columns.length} columns`);
    const cell = (name: string): string => cells[columns.indexOf(name)]?.trim() ?? '';
    const [name, group] = [cell('file'), cell('group')];
    if (!name || !group) throw fail('has no file or no group');
    const file = resolve(join(folder, name));
    const known = byFile.get(file)?.group;
    if (known !== undefined && known !== group)
      throw fail(`puts ${name} into ${group}, after ${known} before`);
    if (known !== undefined) throw fail(`names ${name} again`);
    const spoken = cell('class');
    const size = cell('effective_px');
    const side = Number(size);
    if (size !== '' && !(side > 0 && Number.isFinite(side))) throw fail(`has the effective_px "${size}"`);
    byFile.set(file, {
      file,
      name: relative(folder, file).split(sep).join('/'),
      group,
      boxes: boxesOf(cell('boxes'), fail),
      ...(spoken && { defects: defectsOf(spoken, fail) }),
      ...(side > 0 && { effectiveSide: side }),
    });
  });
  return { pictures: [...byFile.values()], find: (file) => byFile.get(resolve(file)) };
}

/** The cells of a line (RFC 4180: cells may stand in quotation marks, doubled within); null where it is none. */
function cellsOf(line: string): string[] | null {
  const cells: string[] = [];
  const cell = /\s*"((?:[^"]|"")*)"\s*(?:,|$)|([^",]*)(?:,|$)/y;
  for (let end = 0; ; end = cell.lastIndex) {
    cell.lastIndex = end;
    const found = cell.exec(line);
    if (!found) return null;
    cells.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    if (!found[0].endsWith(',')) return cells;
  }
}

function defectsOf(spoken: string, fail: (what: string) => SpectaError): ReadonlySet<DefectClass> {
  const names = spoken.toLowerCase() === 'intact' ? [] : spoken.toLowerCase().split('+');
  return new Set(names.map((name) => defectNamed(name.trim(), fail)));
}

function boxesOf(cell: string, fail: (what: string) => SpectaError): PixelBox[] {
  return cell
    .split(';')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [name, ...numbers] = part.trim().split(/\s+/);
      const [left, top, width, height] = numbers.map(Number);
      const sound = [left, top, width, height].every((each) => each >= 0 && Number.isFinite(each));
      if (numbers.length !== 4 || !sound || width === 0 || height === 0)
        throw fail(`has the box "${part.trim()}"; a box is a defect, left, top, width, height in pixels`);
      return { defect: defectNamed(name.toLowerCase(), fail), left, top, width, height };
    });
}

function defectNamed(name: string, fail: (what: string) => SpectaError): DefectClass {
  const found = DEFECT_CLASSES.find((each) => each === name);
  if (found) return found;
  throw fail(`speaks of "${name}"; the defects are ${DEFECT_CLASSES.join(' and ')}`);
}

function badLine(path: string, line: number, what: string): SpectaError {
  return new SpectaError('DATA_INVALID', `line ${line} of ${path} ${what}`, 'Correct that line.');
}
