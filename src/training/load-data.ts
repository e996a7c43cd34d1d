import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SpectaError } from '../platform/errors.ts';
import { readClassFolders } from './class-folders.ts';
import { readFootage } from './footage-frames.ts';
import { readGroupList } from './group-list.ts';
import type { Progress } from './progress.ts';
import { type DataSet, joinDataSets } from './samples.ts';

/** Where labelled pictures come from. */
export interface DataRequest {
  /** Folder with one subfolder for each class; absent where only footage is used. */
  readonly data?: string;
  /** The list of groups; looked for beside and above `data` where absent. */
  readonly manifest?: string;
  /** Folders of rendered runs. */
  readonly footage: readonly string[];
  /** Sources that are one group each. */
  readonly together: readonly string[];
  /** The network's input, pixels. */
  readonly size: { readonly width: number; readonly height: number };
}

/**
 * Reads all that is asked for and says on `progress` what could not be used.
 * Throws `USAGE` where nothing is asked for; else as `readClassFolders`, `readFootage`, `readGroupList`.
 */
export async function loadData(
  request: DataRequest,
  progress: Progress,
  now: () => number,
  signal?: AbortSignal,
): Promise<DataSet> {
  if (request.data === undefined && request.footage.length === 0) {
    throw new SpectaError('USAGE', 'no pictures are named', 'Name them with --data or --footage.');
  }
  const started = now();
  const common = {
    size: request.size,
    ...(signal && { signal }),
    onPicture: (done: number, all: number) => progress.show('reading pictures', done, all, started),
  };
  const parts: DataSet[] = [];
  if (request.data !== undefined) {
    const list = request.manifest ?? findGroupList(request.data);
    if (list === undefined) {
      progress.say(
        'No manifest.csv: every picture counts as its own group. Crops of one photo may be on both sides.',
      );
    }
    const groups = list === undefined ? undefined : await readGroupList(list);
    parts.push(
      await readClassFolders(request.data, {
        ...common,
        together: request.together,
        ...(groups && { groups }),
      }),
    );
  }
  for (const folder of request.footage) parts.push(await readFootage(folder, common));
  const all = joinDataSets(parts);
  for (const { file, code, message } of all.unreadable)
    progress.say(`unreadable: ${file}: ${message} [${code}]`);
  for (const [reason, count] of Object.entries(all.leftOut)) progress.say(`left out: ${count} ${reason}`);
  return all;
}

function findGroupList(data: string): string | undefined {
  const folder = resolve(data);
  return [folder, dirname(folder)].map((each) => join(each, 'manifest.csv')).find((path) => existsSync(path));
}
