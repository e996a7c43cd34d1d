import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SpectaError, systemCode } from '../platform/errors.ts';

const VERSION = /^\d+\.\d+\.\d+$/;

/** -1, 0 or 1 as `a` is below, equal to or above `b`; both major.minor.patch. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let index = 0; index < 3; index++) {
    if (left[index] !== right[index]) return left[index] < right[index] ? -1 : 1;
  }
  return 0;
}

/** Names of folders in `folder`; none where it does not exist. */
async function foldersIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new SpectaError(
      'FOLDER_UNREADABLE',
      `${folder} cannot be read (${code ?? String(error)}).`,
      'Check the folder and its permissions.',
      error,
    );
  }
}

/** The versions of `name` below `modelsFolder`, lowest first. */
export async function bundleVersions(name: string, modelsFolder: string): Promise<string[]> {
  const folders = await foldersIn(join(modelsFolder, name));
  return folders.filter((version) => VERSION.test(version)).sort(compareVersions);
}

/** `name@version` of every bundle below `modelsFolder`. */
export async function listBundles(modelsFolder: string): Promise<string[]> {
  const names = (await foldersIn(modelsFolder)).sort();
  const lists = await Promise.all(
    names.map(async (name) =>
      (await bundleVersions(name, modelsFolder)).map((version) => `${name}@${version}`),
    ),
  );
  return lists.flat();
}
