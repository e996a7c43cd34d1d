import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Bundle, Manifest, ManifestFile } from '../domain/manifest.ts';
import { SpectaError, systemCode } from '../platform/errors.ts';
import { bundleVersions, listBundles } from './bundle-versions.ts';
import { BUNDLE_NAME, parseManifest } from './manifest.ts';

const MANIFEST = 'manifest.json';
/** A manifest of more bytes is none: it is read whole into memory. */
const MAX_MANIFEST_BYTES = 1_000_000;

const REMAKE = 'Copy the bundle again from where it was made, or train it anew.';

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Every file below `folder` except the manifest, sorted; links and other oddities are `BUNDLE_FILE_ALTERED`. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths: string[] = [];
  for (const entry of entries) {
    const path = relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/');
    if (entry.isDirectory() || path === MANIFEST) continue;
    if (!entry.isFile()) {
      throw new SpectaError(
        'BUNDLE_FILE_ALTERED',
        `Bundle ${folder} holds ${path}, which is no plain file.`,
        REMAKE,
      );
    }
    paths.push(path);
  }
  return paths.sort();
}

async function readManifest(folder: string): Promise<Buffer> {
  const path = join(folder, MANIFEST);
  try {
    const { size } = await lstat(path);
    if (size > MAX_MANIFEST_BYTES) {
      throw new SpectaError('BUNDLE_MANIFEST_INVALID', `${path} has ${size} bytes, too many.`, REMAKE);
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof SpectaError) throw error;
    const code = systemCode(error);
    throw new SpectaError(
      'BUNDLE_MISSING',
      code === 'ENOENT' || code === 'ENOTDIR'
        ? `There is no bundle in ${folder}: ${MANIFEST} is not there.`
        : `Bundle ${folder} cannot be read (${code ?? String(error)}).`,
      'Name a folder with a manifest.json, or a bundle below models/.',
      error,
    );
  }
}

async function checkFile(folder: string, file: ManifestFile): Promise<void> {
  const path = join(folder, file.path);
  const found = await lstat(path).catch((error: unknown) => {
    throw new SpectaError(
      'BUNDLE_FILE_MISSING',
      `Bundle ${folder}: ${file.path} is missing (${systemCode(error) ?? String(error)}).`,
      REMAKE,
      error,
    );
  });
  const altered = (what: string): SpectaError =>
    new SpectaError('BUNDLE_FILE_ALTERED', `Bundle ${folder}: ${file.path} ${what}.`, REMAKE);
  if (!found.isFile()) throw altered('is no plain file');
  if (found.size !== file.bytes) throw altered(`has ${found.size} bytes, the manifest says ${file.bytes}`);
  const digest = await sha256Of(path);
  if (digest !== file.sha256) throw altered(`has sha256 ${digest}, the manifest says ${file.sha256}`);
}

/**
 * Opens a bundle and verifies it whole: the manifest, and size and sha256 of every file, read as streams. A file that
 * the manifest does not list is not tolerated. Throws `BUNDLE_MISSING`, `BUNDLE_MANIFEST_INVALID`,
 * `BUNDLE_FILE_MISSING`, `BUNDLE_FILE_ALTERED`.
 */
export async function openBundle(folder: string): Promise<Bundle> {
  const root = resolve(folder);
  const bytes = await readManifest(root);
  const manifest = parseManifest(bytes.toString('utf8'), join(root, MANIFEST));
  for (const file of manifest.files) await checkFile(root, file);
  const listed = new Set(manifest.files.map((file) => file.path));
  const strangers = (await filesBelow(root)).filter((path) => !listed.has(path));
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
 * the same manifest give the same bytes. Throws `BUNDLE_MANIFEST_INVALID` before anything is written.
 */
export async function sealBundle(folder: string, manifest: Omit<Manifest, 'files'>): Promise<Bundle> {
  const root = resolve(folder);
  const files: ManifestFile[] = [];
  for (const path of await filesBelow(root)) {
    const full = join(root, path);
    files.push({ path, bytes: (await lstat(full)).size, sha256: await sha256Of(full) });
  }
  const text = `${JSON.stringify(ordered({ ...manifest, files }), null, 2)}\n`;
  parseManifest(text, join(root, MANIFEST));
  await writeFile(join(root, MANIFEST), text);
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
