import { type DossierWithPictures, sha256Of } from './dossier.ts';
import { reportPage } from './page.ts';
import { findingsCsv, findingsGeojson } from './tables.ts';

/** The file of digests in a report's folder, as `sha256sum --check` reads it. */
export const DIGESTS_FILE = 'SHA256SUMS';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * The files of a report by their path below its folder; the last one has the digests of all others.
 * @param withPictures also the pictures as files of their own
 */
export function reportFiles(
  report: DossierWithPictures,
  withPictures: boolean,
): ReadonlyMap<string, Uint8Array> {
  const files = new Map<string, Uint8Array>([
    ['report.html', encode(reportPage(report))],
    ['report.json', encode(`${JSON.stringify(report.dossier, null, 2)}\n`)],
    ['findings.csv', encode(findingsCsv(report.dossier))],
    ['findings.geojson', encode(findingsGeojson(report.dossier))],
  ]);
  if (withPictures) for (const [file, bytes] of report.pictures) files.set(file, bytes);
  const lines = [...files].map(([file, bytes]) => `${sha256Of(bytes)}  ${file}\n`);
  files.set(DIGESTS_FILE, encode(lines.join('')));
  return files;
}
