import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** The processors that a release can be for. */
export const ARCHES = ['x64', 'arm64'] as const;
export type Arch = (typeof ARCHES)[number];

export interface ReleaseWish {
  /** The project whose release it is. */
  readonly project: string;
  /** A node_modules folder of production dependencies for `arch`. */
  readonly modules: string;
  readonly arch: Arch;
  readonly version: string;
  /** The folder that becomes the release; it must not be there yet. */
  readonly folder: string;
}

/** What a vessel needs of the project; the rig, tests and scripts for developers stay behind. */
const PARTS = ['src', 'models', 'device', 'systemd', 'docs', 'LICENSE', 'README.md'];
const LEFT_OUT = new Set(['device/rig']);
const MANIFEST_KEYS = [
  'name',
  'version',
  'description',
  'license',
  'private',
  'type',
  'engines',
  'dependencies',
  'optionalDependencies',
];
const COMMAND = `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/node" --no-wasm-dynamic-tiering --no-wasm-code-gc "$here/../src/main.ts" "$@"
`;

/**
 * Puts a release together: the project's own files, one platform's dependencies, `bin/node` and `bin/specta`, `RELEASE`
 * (version and arch), `LICENSES.txt`, and `SHA256SUMS` over every file. Throws when a part is missing.
 */
export function makeReleaseFolder({ project, modules, arch, version, folder }: ReleaseWish): void {
  mkdirSync(folder, { recursive: true });
  for (const part of PARTS)
    copy(join(project, part), join(folder, part), (path) => !isLeftOut(project, path));
  const manifest: Record<string, unknown> = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  const packages = packagesAtRunTime(modules, manifest);
  copy(modules, join(folder, 'node_modules'), (path) => {
    const below = path.slice(modules.length + 1);
    const name = /^(?:@[^/]+\/)?[^@/][^/]*/.exec(below)?.[0];
    return (name === undefined || packages.has(name)) && travels(below, arch);
  });
  const kept = Object.fromEntries(MANIFEST_KEYS.map((key) => [key, manifest[key]]));
  write(folder, 'package.json', `${JSON.stringify({ ...kept, version }, null, 2)}\n`);
  write(folder, 'RELEASE', `version=${version}\narch=${arch}\n`);
  write(folder, 'LICENSES.txt', licenses(join(folder, 'node_modules')));
  write(folder, 'bin/specta', COMMAND);
  chmodSync(join(folder, 'bin/specta'), 0o755);
  const node = `node_modules/node-linux-${arch}/bin/node`;
  // Throws where the platform's Node did not come along.
  lstatSync(join(folder, node));
  symlinkSync(join('..', node), join(folder, 'bin/node'));
  write(folder, 'SHA256SUMS', checksums(folder));
}

/**
 * Named as dependencies at run time by their owners and never loaded: what install scripts need, which are never run
 * (compilers' drivers, what downloads), and what mavlink-mappings is generated with. Its xml2js is loaded, and stays.
 */
const NEVER_REQUIRED = new Set([
  'cmake-js',
  'adm-zip',
  'global-agent',
  'node-gyp',
  'nan',
  'ts-node',
  'typescript',
]);

/** The top folders of node_modules that something at run time depends on, straight or through others. */
export function packagesAtRunTime(modules: string, manifest: Record<string, unknown>): ReadonlySet<string> {
  const found = new Set<string>();
  const waiting = dependenciesOf(manifest);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const file = join(modules, name, 'package.json');
    // Optional ones for other platforms are not there, and nested ones travel with their owner.
    if (found.has(name) || NEVER_REQUIRED.has(name) || !existsSync(file)) continue;
    found.add(name);
    for (const owner of [file, ...nestedManifests(join(modules, name, 'node_modules'))])
      waiting.push(...dependenciesOf(JSON.parse(readFileSync(owner, 'utf8'))));
  }
  return found;
}

function dependenciesOf(manifest: Record<string, unknown>): string[] {
  return ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((key) =>
    Object.keys(manifest[key] ?? {}),
  );
}

function nestedManifests(modules: string): string[] {
  if (!existsSync(modules)) return [];
  return filesOf(modules)
    .filter((path) => PACKAGE_FILE.test(path))
    .map((path) => join(modules, path));
}

/** A package's own manifest, not one inside its folders. */
const PACKAGE_FILE = /^(@[^/]+\/)?[^@/][^/]*\/package\.json$/;

function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function isLeftOut(project: string, path: string): boolean {
  return LEFT_OUT.has(path.slice(project.length + 1)) || basename(path).startsWith('.');
}

/** Copies files and folders whose path `takes` agrees to; links of npm's are of no use on board and stay. */
function copy(from: string, to: string, takes: (path: string) => boolean): void {
  if (!takes(from)) return;
  const facts = lstatSync(from);
  if (facts.isDirectory()) {
    // A folder comes with its first file.
    for (const name of readdirSync(from)) copy(join(from, name), join(to, name), takes);
  } else if (facts.isFile()) {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(from, to);
    // npm gives packages what modes their archives had; a program is what its owner may run.
    chmodSync(to, facts.mode & 0o100 && isProgram(to) ? 0o755 : 0o644);
  }
}

function isProgram(path: string): boolean {
  return /(^|\/)bin\/node$|\.sh$/.test(path);
}

/** Words of the law travel whatever else is left out. */
const LEGAL = /(^|\/)(licen[cs]e|notice|copying|copyright|third[-_]party|authors)/i;
/** The libraries inside it, with their licences, are named in its README. */
const LEGAL_README = /^@img\/sharp-libvips-[^/]+\/README\.md$/;
/** Type declarations, source maps, documents, other packagings of the same code: nothing of it is ever loaded. */
const NEVER_LOADED = [
  /\.(map|md|markdown|d\.[cm]?ts|flow|tsbuildinfo|gyp|gypi|cc|cpp|c|h|hpp|hh|cmake)$/,
  /^@types\//,
  /(^|\/)(test|tests|__tests__|example|examples|benchmark|benchmarks|\.github)\//,
  /(^|\/)\.[^/]+$/,
  /^\.bin\//,
  /^node-linux-[^/]+\/(include|share|lib)\//,
  /^koffi\/(lib|vendor|doc)\//,
  /^(zod|yaml)\/(src|browser)\//,
  /^mqtt\/dist\/mqtt\.(esm|min)?\.?js$/,
  /^@tensorflow\/tfjs-[^/]+\/dist\/(?!tf-[^/]+\.node\.js$|[^/]+\.wasm$)/,
  /^@tensorflow\/tfjs-[^/]+\/wasm-out\/.*\.(?!js$)/,
];

/**
 * Whether a file of node_modules goes into a release for `arch`.
 * @param path below node_modules, `onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1`
 */
export function travels(path: string, arch: Arch): boolean {
  if (path === '' || LEGAL.test(path) || LEGAL_README.test(path)) return !isForeign(path, arch);
  return !isForeign(path, arch) && !NEVER_LOADED.some((pattern) => pattern.test(path));
}

/** Whether it is a binary for another platform than glibc's Linux on `arch`. */
function isForeign(path: string, arch: Arch): boolean {
  const { platform } = /^onnxruntime-node\/bin\/[^/]+\/(?<platform>[^/]+\/[^/]+)\//.exec(path)?.groups ?? {};
  if (platform !== undefined) return platform !== `linux/${arch}`;
  const { prebuilt } =
    /\/prebuilds\/[^/]*?-(?<prebuilt>(?:linux|darwin|win32)[^/]*)\//.exec(path)?.groups ?? {};
  if (prebuilt !== undefined) return prebuilt !== `linux-${arch}`;
  const { koffi } = /^@koromix\/koffi-[^/]+\/(?<koffi>[^/]+)\//.exec(path)?.groups ?? {};
  return koffi !== undefined && koffi !== `linux_${arch}`;
}

/** Every file of a folder by its path below it, in the order of bytes; links are left out. */
export function filesOf(folder: string, below = ''): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(folder, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) found.push(...filesOf(folder, path));
    else if (entry.isFile()) found.push(path);
  }
  return found.sort(byBytes);
}

/** As `LC_ALL=C sort` does: the same on every machine. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** As `sha256sum --check` reads it. */
function checksums(folder: string): string {
  const lines = filesOf(folder).map((path) => {
    const digest = createHash('sha256').update(readFileSync(join(folder, path)));
    return `${digest.digest('hex')}  ${path}\n`;
  });
  return lines.join('');
}

/** Whose work is inside and on what terms: a line a package, with the files that hold the words. */
function licenses(modules: string): string {
  const files = filesOf(modules);
  const lines = files
    .filter((path) => PACKAGE_FILE.test(path))
    .map((path) => {
      const folder = dirname(path);
      const { version, license }: Record<string, unknown> = JSON.parse(
        readFileSync(join(modules, path), 'utf8'),
      );
      const words = files.filter(
        (file) => dirname(file) === folder && (LEGAL.test(file) || LEGAL_README.test(file)),
      );
      const where = words.map((file) => `node_modules/${file}`).join(', ');
      return `${folder} ${version}: ${licenseName(license)}${where === '' ? '' : ` (${where})`}\n`;
    });
  return `SPECTA: MIT (LICENSE). It travels with:\n\n${lines.join('')}`;
}

/** Older packages write an object. */
function licenseName(license: unknown): string {
  if (typeof license === 'string') return license;
  if (typeof license === 'object' && license !== null && 'type' in license) return String(license.type);
  return 'see its files';
}
