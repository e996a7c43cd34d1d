import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { SpectaError } from '../platform/errors.ts';

/** Which group each picture belongs to, as a data set's `manifest.csv` says. */
export interface GroupList {
  /** Group of the picture at an absolute path; undefined where the list does not name it. */
  groupOf(file: string): string | undefined;
  /** The list's name for the picture: its path from the list's folder, with forward slashes. */
  nameOf(file: string): string;
}

/**
 * Reads a comma-separated list with the columns `file` (path from the list's folder) and `group`; others are ignored.
 * Throws `DATA_INVALID` where it cannot be read, lacks a column, or gives one file two groups.
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
  const [header = '', ...lines] = text.split(/\r?\n/);
  const columns = header.split(',');
  const fileColumn = columns.indexOf('file');
  const groupColumn = columns.indexOf('group');
  if (fileColumn < 0 || groupColumn < 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `${path} has the columns ${columns.join(', ')}`,
      'It needs at least the columns file and group.',
    );
  }
  const folder = dirname(resolve(path));
  const groups = new Map<string, string>();
  lines.forEach((line, index) => {
    if (line === '') return;
    const cells = line.split(',');
    const [file, group] = [cells[fileColumn], cells[groupColumn]];
    if (!file || !group) throw badLine(path, index + 2, 'has no file or no group');
    const known = groups.get(file);
    if (known !== undefined && known !== group) {
      throw badLine(path, index + 2, `puts ${file} into ${group}, after ${known} before`);
    }
    groups.set(file, group);
  });
  const nameOf = (file: string): string => relative(folder, resolve(file)).split(sep).join('/');
  return { groupOf: (file) => groups.get(nameOf(file)), nameOf };
}

function badLine(path: string, line: number, what: string): SpectaError {
  return new SpectaError('DATA_INVALID', `line ${line} of ${path} ${what}`, 'Correct that line.');
}
