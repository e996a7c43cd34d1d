// npm run release: makes the tarball that a vessel without a network installs. See docs/install.md.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ARCHES, type Arch, makeReleaseFolder } from './release-folder.ts';
import { packFolder } from './release-tarball.ts';

const USAGE = `Makes specta-VERSION-linux-ARCH.tar.gz, with everything inside for a vessel without a network, and its digest.

  npm run release -- [--arch x64|arm64]... [--version VERSION]... [--out FOLDER]

  --arch     for which processor; this machine's by default. May be given again
  --version  by default package.json's. Given again, the same content under each
  --out      where the tarballs go; .specta/release by default

The same content gives the same bytes. Packages come from the npm registry, as package-lock.json names them.`;

interface Wish {
  readonly arches: readonly Arch[];
  readonly versions: readonly string[];
  readonly out: string;
}

const project = resolve(import.meta.dirname, '..');

function wish(): Wish | null {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', multiple: true, default: [process.arch] },
      version: { type: 'string', multiple: true },
      out: { type: 'string', default: join(project, '.specta/release') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const { version }: { version: string } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  const versions = values.version ?? [version];
  const wrong = versions.find((name) => !/^\d+\.\d+\.\d+[0-9A-Za-z.-]*$/.test(name));
  if (wrong !== undefined) throw new Error(`${wrong} is no version, as in 1.2.3 or 1.2.3-rc.1`);
  const arches = values.arch.map((name) => {
    const arch = ARCHES.find((known) => known === name);
    if (arch === undefined) throw new Error(`--arch ${name} is not known; there is ${ARCHES.join(', ')}`);
    return arch;
  });
  return { arches, versions, out: resolve(values.out) };
}

/** Runs a program with its output on standard error. Throws with its last words. */
function run(program: string, parameters: readonly string[], cwd: string): void {
  const { status, error, stdout, stderr } = spawnSync(program, [...parameters], { cwd, encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${program} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ended with ${status}:\n${(stdout + stderr).slice(-2000)}`);
}

/** Installs the production dependencies for `arch` into `folder`, whatever this machine is. */
function installDependencies(folder: string, arch: Arch): void {
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    copyFileSync(join(project, file), join(folder, file));
  const npm = process.env.npm_execpath ?? '';
  const [program, first] =
    basename(npm) === 'npm-cli.js' ? [process.env.npm_node_execpath ?? 'node', [npm]] : ['npm', []];
  const platform = ['--os=linux', `--cpu=${arch}`, '--libc=glibc'];
  run(
    program,
    [...first, 'ci', '--omit=dev', '--include=optional', '--ignore-scripts', '--prefer-offline', ...platform],
    folder,
  );
}

/** The sysfs GPIO line's native part, where a compiler for `arch` is there. */
function compileEpoll(modules: string, arch: Arch): void {
  try {
    run(
      process.execPath,
      [join(project, 'scripts/build-onoff.mjs'), '--arch', arch, '--modules', modules],
      project,
    );
  } catch (error) {
    const [why] = String(error instanceof Error ? error.message : error)
      .split('\n')
      .slice(1);
    console.warn(`warning: without light.line.kind sysfs for ${arch}: ${why ?? 'epoll cannot be compiled'}`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

async function makeRelease(arch: Arch, { versions, out }: Wish, work: string): Promise<void> {
  const dependencies = join(work, arch);
  console.log(`Packages for linux-${arch}…`);
  installDependencies(dependencies, arch);
  const modules = join(dependencies, 'node_modules');
  compileEpoll(modules, arch);
  for (const version of versions) {
    const name = `specta-${version}-linux-${arch}.tar.gz`;
    const folder = join(work, `specta-${version}`);
    makeReleaseFolder({ project, modules, arch, version, folder });
    const draft = join(out, `.${name}`);
    const { unpacked } = await packFolder(folder, draft);
    const digest = createHash('sha256').update(readFileSync(draft)).digest('hex');
    const target = join(out, name);
    writeFileSync(`${target}.sha256`, `${digest}  ${name}\n`);
    renameSync(draft, target);
    rmSync(folder, { recursive: true });
    console.log(
      `${target}: ${megabytes(statSync(target).size)}, on board ${megabytes(unpacked)}; sha256 ${digest}`,
    );
  }
}

async function main(): Promise<number> {
  const wanted = wish();
  if (wanted === null) {
    console.log(USAGE);
    return 0;
  }
  mkdirSync(wanted.out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'specta-release-'));
  try {
    for (const arch of wanted.arches) await makeRelease(arch, wanted, work);
  } finally {
    if (existsSync(work)) rmSync(work, { recursive: true, force: true });
  }
  return 0;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 1;
});
