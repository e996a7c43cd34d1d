import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { Bundle, Manifest, ManifestFile } from '../domain/manifest.ts';
import { SpectaError, systemCode } from '../platform/errors.ts';
import { type FileSystem, nodeFiles } from '../platform/files.ts';
import { BUNDLE_LIMITS, MANIFEST, SIGNATURE } from './bundle-limits.ts';
import { bundleVersions, listBundles } from './bundle-versions.ts';
import { BUNDLE_NAME, manifestText, parseManifest } from './manifest.ts';

const CHUNK_BYTES = 128 * 1024;
const REMAKE = 'Copy the bundle again from where it was made, or train it anew.';

/** The operating system's word for a failure of the disk. */
function reasonOf(error: unknown): string {
  const cause = error instanceof SpectaError ? error.cause : error;
  return systemCode(cause) ?? (error instanceof Error ? error.message : String(error));
}

async function sha256Of(fs: FileSystem, path: string): Promise<string> {
  const file = await fs.openFile(path);
  try {
    const hash = createHash('sha256');
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, file.bytes + 1));
    for (let got = await file.read(chunk); got > 0; got = await file.read(chunk))
      hash.update(chunk.subarray(0, got));
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}

/** Every file below `folder` except manifest and signature, sorted; links and other oddities are `BUNDLE_FILE_ALTERED`. */
async function filesBelow(fs: FileSystem, folder: string, below = ''): Promise<string[]> {
  const paths: string[] = [];
  for (const name of await fs.list(join(folder, below))) {
    const path = below === '' ? name : `${below}/${name}`;
    if (path === MANIFEST || path === SIGNATURE) continue;
    const kind = (await fs.lstat(join(folder, path)))?.kind ?? 'other';
    if (kind === 'folder') paths.push(...(await filesBelow(fs, folder, path)));
    else if (kind === 'file') paths.push(path);
    else {
      throw new SpectaError(
        'BUNDLE_FILE_ALTERED',
        `Bundle ${folder} holds ${path}, which is no plain file.`,
        REMAKE,
      );
    }
  }
  return paths.sort();
}

/** The exact bytes of a bundle's manifest. Throws `BUNDLE_MISSING`, `BUNDLE_MANIFEST_INVALID` for one of endless size. */
export async function readManifestBytes(
  folder: string,
  fs: FileSystem = nodeFiles,
): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(folder, MANIFEST);
  const missing = (message: string, cause?: unknown): SpectaError =>
    new SpectaError(
      'BUNDLE_MISSING',
      message,
      'Name a folder with a manifest.json, or a bundle below models/.',
      cause,
    );
  const notThere = `There is no bundle in ${folder}: ${MANIFEST} is not there.`;
  try {
    const found = await fs.lstat(path);
    if (found === null) throw missing(notThere);
    if (found.bytes > BUNDLE_LIMITS.manifestBytes) {
      throw new SpectaError('BUNDLE_MANIFEST_INVALID', `${path} has ${found.bytes} bytes, too many.`, REMAKE);
    }
    return await fs.readFile(path);
  } catch (error) {
    if (error instanceof SpectaError && error.code.startsWith('BUNDLE_')) throw error;
    const reason = reasonOf(error);
    throw missing(reason === 'ENOTDIR' ? notThere : `Bundle ${folder} cannot be read (${reason}).`, error);
  }
}

async function checkFile(fs: FileSystem, folder: string, file: ManifestFile): Promise<void> {
  const path = join(folder, file.path);
  const missing = (reason: string, cause?: unknown): SpectaError =>
    new SpectaError(
      'BUNDLE_FILE_MISSING',
      `Bundle ${folder}: ${file.path} is missing (${reason}).`,
      REMAKE,
      cause,
    );
  const found = await fs.lstat(path).catch((error: unknown) => {
    throw missing(reasonOf(error), error);
  });
  if (found === null) throw missing('ENOENT');
  const altered = (what: string): SpectaError =>
    new SpectaError('BUNDLE_FILE_ALTERED', `Bundle ${folder}: ${file.path} ${what}.`, REMAKE);
  if (found.kind !== 'file') throw altered('is no plain file');
  if (found.bytes !== file.bytes) throw altered(`has ${found.bytes} bytes, the manifest says ${file.bytes}`);
  const digest = await sha256Of(fs, path);
  if (digest !== file.sha256) throw altered(`has sha256 ${digest}, the manifest says ${file.sha256}`);
}

/**
 * Opens a bundle and verifies it whole: the manifest, and size and sha256 of every file, read as streams. A file that
 * the manifest does not list is not tolerated, its signature apart, which is not asked here. Throws `BUNDLE_MISSING`,
 * `BUNDLE_MANIFEST_INVALID`, `BUNDLE_FILE_MISSING`, `BUNDLE_FILE_ALTERED`.
 */
export async function openBundle(folder: string, fs: FileSystem = nodeFiles): Promise<Bundle> {
  const root = resolve(folder);
  const bytes = await readManifestBytes(root, fs);
  const where = join(root, MANIFEST);
  const manifest = parseManifest(manifestText(bytes, where), where);
  for (const file of manifest.files) await checkFile(fs, root, file);
  const listed = new Set(manifest.files.map((file) => file.path));
  const strangers = (await filesBelow(fs, root)).filter((path) => !listed.has(path));
  if (strangers.length > 0) {
    throw new SpectaError(
      'BUNDLE_FILE_ALTERED',
      `Bundle ${root} holds files that its manifest does not list: ${strangers.join(', ')}.`,
      'Take them out of the folder: a bundle is exactly what its manifest says.',
    );
  }
  return { folder: root, manifest, digest: createHash('sha256').update(bytes).digest('hex') };
}

/** `value` with every object's keys in order, so that the same manifest always gives the same bytes. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, ordered(inner)]),
  );
}

/**
 * Finishes a bundle: lists every file in `folder` with size and sha256 and writes `manifest.json`. The same files and
 * the same manifest give the same bytes. A signature is taken away. Throws `BUNDLE_MANIFEST_INVALID` before anything is written.
 */
export async function sealBundle(folder: string, manifest: Omit<Manifest, 'files'>): Promise<Bundle> {
  const root = resolve(folder);
  const files: ManifestFile[] = [];
  for (const path of await filesBelow(nodeFiles, root)) {
    const full = join(root, path);
    const bytes = (await nodeFiles.lstat(full))?.bytes ?? 0;
    files.push({ path, bytes, sha256: await sha256Of(nodeFiles, full) });
  }
  const text = `${JSON.stringify(ordered({ ...manifest, files }), null, 2)}\n`;
  parseManifest(text, join(root, MANIFEST));
  // What signed the bundle as it was says nothing of it as it is.
  await nodeFiles.remove(join(root, SIGNATURE));
  await nodeFiles.writeFile(join(root, MANIFEST), new TextEncoder().encode(text));
  return openBundle(root);
}

/**
 * Opens the bundle that a person named: a bundle's folder, or `name` (its highest version) or `name@version` below
 * `modelsFolder`. A name without a slash that is a bundle below `modelsFolder` wins over a folder of that name.
 * Throws `BUNDLE_MISSING` with the bundles there are, and all errors of `openBundle`.
 */
export async function resolveBundle(nameOrFolder: string, modelsFolder: string): Promise<Bundle> {
  const [name, version] = nameOrFolder.split('@', 2);
  if (BUNDLE_NAME.test(name)) {
    const versions = await bundleVersions(name, modelsFolder);
    const chosen = version ?? versions.at(-1);
    if (chosen !== undefined && versions.includes(chosen))
      return openBundle(join(modelsFolder, name, chosen));
  }
  try {
    return await openBundle(nameOrFolder);
  } catch (error) {
    if (!(error instanceof SpectaError) || error.code !== 'BUNDLE_MISSING') throw error;
    const there = await listBundles(modelsFolder);
    throw new SpectaError(
      'BUNDLE_MISSING',
      `There is no bundle ${nameOrFolder}. Below ${modelsFolder}: ${there.join(', ') || 'none'}.`,
      'Name one of these, or a folder with a manifest.json.',
      error,
    );
  }
}
