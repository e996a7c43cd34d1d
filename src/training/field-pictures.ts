import { createHash, randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import type { Box, DefectClass } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { type FileSystem, nodeFiles } from '../platform/files.ts';
import { CLASS_ORDER, mainClass } from './samples.ts';

/** A picture of a reviewed finding, to be learnt from. */
export interface FieldPicture {
  /** Where it lies now. */
  readonly file: string;
  /** Hex, of its bytes as they were kept. */
  readonly sha256: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** What a person says is to be seen; none: no defect. */
  readonly defects: ReadonlySet<DefectClass>;
  /** Where, as shares of the sides; where it is known. */
  readonly boxes: readonly { readonly defect: DefectClass; readonly box: Box }[];
  readonly vehicle: string;
  readonly run: string;
  readonly finding: string;
  /** Of the frame. */
  readonly sequence: number;
  readonly capturedUtcMs: number;
  /** What the person said of the finding. */
  readonly review: {
    readonly said: 'confirmed' | 'rejected';
    readonly by: string | null;
    readonly note: string | null;
  };
  /** Digest of the model that found it. */
  readonly model: string;
}

/** What was written. */
export interface WrittenPictures {
  readonly folder: string;
  readonly counts: Readonly<Record<string, number>>;
  /** Pictures that were given and not written, with the reason. */
  readonly leftOut: readonly { readonly finding: string; readonly file: string; readonly reason: string }[];
}

/**
 * Writes pictures as a training folder: one subfolder for each class, `manifest.csv` (what `npm run train -- --data`
 * reads: file, group = the run, class, boxes; and source, finding, sha256 for people), and `export.json` with the reviews
 * and every digest. All is written beside its place and renamed: there is a whole folder in the end, or none. Pictures
 * whose bytes are not those that were kept are left out and named.
 * Throws `DATA_INVALID` where something is at `folder` already or no picture is left, `DISK_FULL`, `DISK_FAILED`.
 * @param madeAt ISO 8601
 */
export async function writeFieldPictures(
  folder: string,
  pictures: readonly FieldPicture[],
  madeAt: string,
  fs: FileSystem = nodeFiles,
): Promise<WrittenPictures> {
  const target = resolve(folder);
  if ((await fs.stat(target)) !== null) {
    throw new SpectaError(
      'DATA_INVALID',
      `${target} is there already.`,
      'Training folders are never overwritten: name another with --out.',
    );
  }
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.new`);
  const rows: ManifestRow[] = [];
  const leftOut: WrittenPictures['leftOut'][number][] = [];
  try {
    await fs.mkdir(temporary);
    for (const picture of pictures) {
      const row = rowOf(picture);
      const reason = await copyPicture(fs, picture, join(temporary, row.file));
      if (reason === null) rows.push(row);
      else leftOut.push({ finding: picture.finding, file: picture.file, reason });
    }
    if (rows.length === 0) {
      const why = leftOut[0] ? ` (${leftOut[0].reason}: ${leftOut[0].file})` : '';
      throw new SpectaError(
        'DATA_INVALID',
        `No picture of a reviewed finding is there to be written${why}.`,
        'Review findings first (request finding/review), and give the folder of the record with its stills.',
      );
    }
    const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
    await fs.writeFile(join(temporary, 'manifest.csv'), encode(manifestText(rows)));
    const record = {
      schema: 1,
      madeAt,
      pictures: rows.map(({ picture, ...row }) => ({ ...row, ...told(picture) })),
    };
    const text = `${JSON.stringify({ ...record, leftOut }, null, 1)}\n`;
    await fs.writeFile(join(temporary, 'export.json'), encode(text));
    for (const name of CLASS_ORDER) {
      if (rows.some(({ file }) => file.startsWith(`${name}/`))) await fs.syncFolder(join(temporary, name));
    }
    await fs.syncFolder(temporary);
    await fs.rename(temporary, target);
  } catch (error) {
    // The first failure is the one to tell.
    await fs.remove(temporary).catch(() => undefined);
    throw error;
  }
  await fs.syncFolder(dirname(target));
  const counts = Object.fromEntries(
    CLASS_ORDER.map((name) => [name, rows.filter(({ file }) => file.startsWith(`${name}/`)).length]),
  );
  return { folder: target, counts, leftOut };
}

interface ManifestRow {
  /** From the folder on. */
  readonly file: string;
  readonly group: string;
  readonly class: string;
  readonly boxes: string;
  readonly source: string;
  readonly finding: string;
  readonly sha256: string;
  readonly picture: FieldPicture;
}

/** A word that fits into a file name and a list without quotes. */
function word(text: string): string {
  return text.replace(/[^A-Za-z0-9.-]/g, '-');
}

function rowOf(picture: FieldPicture): ManifestRow {
  const { defects, boxes, vehicle, run, finding, sequence, sha256, width, height } = picture;
  // A source is what a file's name begins with, up to the first underscore.
  const source = `field-${word(vehicle)}`;
  const extension = /\.[A-Za-z0-9]+$/.exec(picture.file)?.[0] ?? '.jpg';
  const name = `${source}_${word(run)}_${word(finding)}-${sequence}-${sha256.slice(0, 8)}${extension}`;
  const pixels = ({ left, top, width: wide, height: high }: Box): string =>
    [left * width, top * height, Math.max(1, wide * width), Math.max(1, high * height)]
      .map(Math.round)
      .join(' ');
  return {
    file: `${mainClass({ defects })}/${name}`,
    group: word(run),
    class: [...defects].sort().join('+') || 'intact',
    boxes: boxes.map(({ defect, box }) => `${defect} ${pixels(box)}`).join('; '),
    source,
    finding: word(finding),
    sha256,
    picture,
  };
}

function told({ vehicle, run, review, model, capturedUtcMs }: FieldPicture): object {
  return { vehicle, run, review, model, capturedAt: new Date(capturedUtcMs).toISOString() };
}

function manifestText(rows: readonly ManifestRow[]): string {
  const columns = ['file', 'group', 'class', 'boxes', 'source', 'finding', 'sha256'] as const;
  const lines = rows.map((row) => columns.map((column) => row[column]).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}

/** null when it is copied, else why not. */
async function copyPicture(
  fs: FileSystem,
  { file, sha256 }: FieldPicture,
  to: string,
): Promise<string | null> {
  if ((await fs.stat(file)) === null) return 'it is gone';
  const bytes = await fs.readFile(file);
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sha256) return 'its bytes are not those that were kept';
  await fs.mkdir(dirname(to));
  await fs.writeFile(to, bytes);
  return null;
}
