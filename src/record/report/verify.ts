import { dirname, join } from 'node:path';
import { z } from 'zod';
import { SpectaError } from '../../platform/errors.ts';
import type { FileSystem } from '../../platform/files.ts';
import { sha256Of } from './dossier.ts';
import { DIGEST_META, NO_DIGEST } from './page.ts';
import { DIGESTS_FILE } from './report-files.ts';

/** What a check of a report found. */
export interface Verification {
  /** Digests recomputed. */
  readonly checked: number;
  /** What does not agree, a sentence each; empty when everything does. */
  readonly mismatches: readonly string[];
}

/** What is checked of a report's data; the rest is covered by the digest of the file it stands in. */
const dataSchema = z.object({
  kind: z.literal('specta-report'),
  findings: z.array(
    z.object({
      id: z.string(),
      stills: z.array(
        z.object({
          file: z.string(),
          sha256: z.string().regex(/^[0-9a-f]{64}$/),
          state: z.enum(['intact', 'changed', 'gone']),
        }),
      ),
    }),
  ),
});

const PAGE_DIGEST = new RegExp(`<meta name="${DIGEST_META}" content="(?<digest>[0-9a-f]{64})">`);
const DATA = /<script type="application\/json" id="specta-data">(?<data>.*?)<\/script>/s;
const IMAGE =
  /<img data-file="(?<file>[^"]*)"[^>]* src="data:image\/[a-z]+;base64,(?<base64>[A-Za-z0-9+/=]*)">/g;

/**
 * Recomputes every digest of a report: of a page, its own and those of the pictures in it; of the data (`report.json`),
 * those of the pictures beside it; of a folder or its `SHA256SUMS`, those of all its files.
 *
 * @throws SpectaError `DATA_INVALID` for what is no report at all; `DISK_FAILED`
 */
export async function verifyReport(fs: FileSystem, path: string): Promise<Verification> {
  const facts = await fs.stat(path);
  if (facts === null) throw notReport(path, 'nothing is there');
  if (facts.kind === 'folder') return verifySums(fs, join(path, DIGESTS_FILE));
  const text = new TextDecoder().decode(await fs.readFile(path));
  if (/^\s*<!doctype html>/i.test(text)) return verifyPage(text, path);
  if (text.trimStart().startsWith('{')) return verifyData(fs, text, path);
  return verifySums(fs, path);
}

function notReport(path: string, why: string): SpectaError {
  return new SpectaError(
    'DATA_INVALID',
    `${path} is no report that can be checked: ${why}.`,
    'Name report.html, report.json, SHA256SUMS or the folder that specta report or specta export wrote.',
  );
}

function parseData(text: string, path: string): z.infer<typeof dataSchema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw notReport(path, error instanceof Error ? error.message : String(error));
  }
  const parsed = dataSchema.safeParse(value);
  if (!parsed.success) throw notReport(path, 'its data is not that of a report');
  return parsed.data;
}

function verifyPage(text: string, path: string): Verification {
  const told = PAGE_DIGEST.exec(text)?.groups?.digest;
  const json = DATA.exec(text)?.groups?.data;
  if (told === undefined || json === undefined) throw notReport(path, 'it carries no digest or no data');
  const mismatches: string[] = [];
  if (sha256Of(text.replace(told, NO_DIGEST)) !== told) mismatches.push('the page: its digest differs');
  let data: z.infer<typeof dataSchema> | null = null;
  try {
    data = parseData(json, path);
  } catch (error) {
    if (!(error instanceof SpectaError)) throw error;
    mismatches.push('the data in the page cannot be read');
  }
  const digests = digestsOf(data);
  let checked = 1;
  for (const { groups } of text.matchAll(IMAGE)) {
    const file = groups?.file ?? '';
    checked += 1;
    const bytes = Buffer.from(groups?.base64 ?? '', 'base64');
    if (digests.get(file) !== sha256Of(bytes)) mismatches.push(`${file}: its digest differs`);
  }
  return { checked, mismatches };
}

/** The digests of the pictures that a report has, by their file. */
function digestsOf(data: z.infer<typeof dataSchema> | null): ReadonlyMap<string, string> {
  const stills = data?.findings.flatMap((finding) => finding.stills) ?? [];
  return new Map(stills.map(({ file, sha256 }) => [file, sha256]));
}

async function verifyData(fs: FileSystem, text: string, path: string): Promise<Verification> {
  const data = parseData(text, path);
  const mismatches: string[] = [];
  let checked = 0;
  for (const { id, stills } of data.findings) {
    for (const { file, sha256, state } of stills) {
      if (state === 'gone') continue;
      checked += 1;
      const found = await digestOf(fs, dirname(path), file);
      if (found === null) mismatches.push(`${file} of ${id}: it is not there`);
      else if (found !== sha256) mismatches.push(`${file} of ${id}: its digest differs`);
    }
  }
  return { checked, mismatches };
}

async function verifySums(fs: FileSystem, path: string): Promise<Verification> {
  if ((await fs.stat(path)) === null) throw notReport(path, 'nothing is there');
  const lines = new TextDecoder().decode(await fs.readFile(path)).split('\n');
  const mismatches: string[] = [];
  let checked = 0;
  for (const line of lines.filter((each) => each !== '')) {
    const { digest, file } = /^(?<digest>[0-9a-f]{64}) [ *](?<file>.+)$/.exec(line)?.groups ?? {};
    if (digest === undefined || file === undefined) {
      if (checked === 0) throw notReport(path, 'it is no list of digests');
      mismatches.push(`a line is no digest: ${line.slice(0, 80)}`);
      continue;
    }
    checked += 1;
    const found = await digestOf(fs, dirname(path), file);
    if (found === null) mismatches.push(`${file}: it is not there`);
    else if (found !== digest) mismatches.push(`${file}: its digest differs`);
  }
  return { checked, mismatches };
}

/** The digest of a file below a folder; null when it is not there. Paths that lead out of the folder name nothing. */
async function digestOf(fs: FileSystem, folder: string, file: string): Promise<string | null> {
  if (file.startsWith('/') || file.split('/').includes('..')) return null;
  const path = join(folder, file);
  if ((await fs.stat(path))?.kind !== 'file') return null;
  return sha256Of(await fs.readFile(path));
}
