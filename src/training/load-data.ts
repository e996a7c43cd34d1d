import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { SpectaError } from '../platform/errors.ts';
import type { Channels } from '../vision/chroma.ts';
import { checkData, type DuplicateRule } from './check-data.ts';
import { type ClassFolderOptions, readClassFolders, readListedPictures } from './class-folders.ts';
import { readFootage } from './footage-frames.ts';
import { readGroupList } from './group-list.ts';
import type { Progress } from './progress.ts';
import { renderSamples } from './render/render-samples.ts';
import { type DataSet, joinDataSets } from './samples.ts';

/** Where labelled pictures come from. */
export interface DataRequest {
  /** Folder with one subfolder for each class, or a list (`.csv`) that names pictures and what they show. */
  readonly data?: string;
  /** The list of groups; looked for beside and above `data` where absent. */
  readonly manifest?: string;
  /** Folders of rendered runs. */
  readonly footage: readonly string[];
  /** Sources that are one group each. */
  readonly together: readonly string[];
  /** The network's input, pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** Whether colour is read too; `luma` where absent. */
  readonly channels?: Channels;
  /** Sources of which nothing is used: no picture is opened, and none of their textures is a ground. */
  readonly leaveOut?: readonly string[];
  /** The only sources that are used; all where absent. */
  readonly only?: readonly string[];
  /** Whether pictures of one class are enough, as for measuring; where absent, only where `only` is given. */
  readonly oneClassWillDo?: boolean;
  /** What to do about a picture in two groups; `refuse` where absent. */
  readonly duplicates?: DuplicateRule;
  /** Cracks and rust to be drawn onto grounds, besides the pictures; none where absent. */
  readonly render?: RenderedPart;
}

export interface RenderedPart {
  readonly count: number;
  readonly seed: number;
  /** Whole grounds; looked for as `textures` beside and above `data` where absent. */
  readonly textures?: string;
}

/**
 * Reads all that is asked for and says on `progress` what could not be used.
 * Throws `USAGE` where nothing is asked for, and where a source is named that no picture is of; `DATA_INVALID` as
 * `checkData`; else as `readClassFolders`, `readFootage`, `readGroupList`, `renderSamples`.
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
  if (request.data === undefined && request.manifest !== undefined) {
    throw new SpectaError('USAGE', 'a list of groups without --data', 'Name the folder of its pictures.');
  }
  const seen = new Set<string>();
  const wanted = (source: string): boolean => {
    seen.add(source);
    return isWanted(request, source);
  };
  const title = (what: string) => {
    const started = now();
    return (done: number, all: number): void => progress.show(what, done, all, started);
  };
  const common = {
    size: request.size,
    channels: request.channels ?? ('luma' as const),
    ...(signal && { signal }),
  };
  const parts: DataSet[] = [];
  if (request.data !== undefined) {
    const options = { ...common, wanted, together: request.together, onPicture: title('reading pictures') };
    parts.push(await readData(request.data, request.manifest, options, progress));
  }
  const onPicture = title('reading frames');
  for (const folder of request.footage) {
    parts.push(
      wanted('footage')
        ? await readFootage(folder, { ...common, onPicture })
        : { samples: [], unreadable: [], leftOut: { 'folders of footage, as asked': 1 } },
    );
  }
  checkNames(request, seen);
  const read = joinDataSets(parts);
  // Before anything is refused: what is refused may be the consequence.
  account(read, progress);
  const checked = checkData(
    read,
    {
      size: request.size,
      duplicates: request.duplicates ?? 'refuse',
      oneClassWillDo: request.oneClassWillDo ?? request.only !== undefined,
    },
    (line) => progress.say(line),
  );
  const { render } = request;
  if (!render) return checked;
  const { joinedGroups } = checked;
  const rendered = await renderSamples(checked.samples, withTextures(render, request.data), {
    ...common,
    wanted: (source) => isWanted(request, source),
    nameOf: (group) => joinedGroups?.get(group) ?? group,
    onPicture: title('rendering'),
  });
  account(rendered, progress);
  return joinDataSets([checked, rendered]);
}

/** Says what could not be used, and what was left out. */
function account({ unreadable, leftOut }: DataSet, progress: Progress): void {
  for (const { file, code, message } of unreadable) progress.say(`unreadable: ${file}: ${message} [${code}]`);
  for (const [reason, count] of Object.entries(leftOut)) progress.say(`left out: ${count} ${reason}`);
}

function isWanted({ leaveOut = [], only }: DataRequest, source: string): boolean {
  return !leaveOut.includes(source) && (only === undefined || only.includes(source));
}

async function readData(
  data: string,
  manifest: string | undefined,
  options: ClassFolderOptions,
  progress: Progress,
): Promise<DataSet> {
  if (data.endsWith('.csv')) {
    if (manifest !== undefined) {
      throw new SpectaError('USAGE', `${data} is a list itself`, 'Leave --manifest out.');
    }
    return readListedPictures(await readGroupList(data), options);
  }
  const list = manifest ?? findBeside(data, 'manifest.csv');
  if (list === undefined) {
    progress.say(
      'No manifest.csv: every picture counts as its own group. Crops of one photo may be on both sides.',
    );
  }
  const groups = list === undefined ? undefined : await readGroupList(list);
  return readClassFolders(data, { ...options, ...(groups && { groups }) });
}

function checkNames({ leaveOut = [], only = [] }: DataRequest, seen: ReadonlySet<string>): void {
  const unknown = [...leaveOut, ...only].filter((source) => !seen.has(source));
  if (unknown.length === 0) return;
  throw new SpectaError(
    'USAGE',
    `no picture is of ${unknown.join(', ')}`,
    `A source is what file names begin with, up to the first underscore, or unnamed; here: ${[...seen].sort().join(', ')}.`,
  );
}

function withTextures(render: RenderedPart, data: string | undefined): RenderedPart {
  if (render.textures !== undefined || data === undefined) return render;
  const textures = findBeside(data, 'textures');
  return textures === undefined ? render : { ...render, textures };
}

function findBeside(data: string, name: string): string | undefined {
  const folder = resolve(data);
  return [folder, dirname(folder)].map((each) => join(each, name)).find((path) => existsSync(path));
}
