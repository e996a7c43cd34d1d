import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findProgram } from '../../../src/camera/camera-child.ts';
import { inspectLibrary } from '../../../src/vision/engine/inspect-library.ts';
import { createNativeEngine } from '../../../src/vision/engine/onnx-native.ts';
import { ONNX_LIBRARY } from '../../fixtures/onnx-library.ts';
import { tinyNetwork } from '../../fixtures/tiny-bundle.ts';

let folder = '';
let modelFile = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-library-'));
  modelFile = join(folder, 'model.onnx');
  await writeFile(modelFile, tinyNetwork());
});

afterAll(() => rm(folder, { recursive: true }));

async function expectUnusable(library: string, reason: RegExp): Promise<void> {
  const unusable = {
    code: 'RUNTIME_UNSUPPORTED',
    message: expect.stringMatching(reason),
    help: expect.stringContaining('device/onnxruntime.md'),
  };
  await expect(inspectLibrary(library)).rejects.toMatchObject(unusable);
}

test('opening an engine on a library says what looking at it says', async () => {
  const libraries: [string, RegExp][] = [
    [join(folder, 'nowhere.so'), /there is no such file/],
    [await cLibrary(), /it has no OrtGetApiBase/],
    [await cutOff(), /does not load it|killed by SIGBUS/],
  ];
  for (const [library, message] of libraries) {
    const engine = createNativeEngine({ modelFile, provider: 'cpu', threads: 1, library });
    await expect(engine).rejects.toMatchObject({
      code: 'RUNTIME_UNSUPPORTED',
      message: expect.stringMatching(message),
    });
  }
});

test('a real library tells its version and what was compiled in', async () => {
  const report = await inspectLibrary(ONNX_LIBRARY);
  expect(report.version).toMatch(/^1\.\d+\.\d+$/);
  expect(report.providers).toContain('cpu');
  expect(report.path).toMatch(/^\/.*libonnxruntime\.so/);
});

test.each([
  [
    'that is not there',
    () => join(folder, 'nowhere.so'),
    /nowhere\.so cannot be used: there is no such file/,
  ],
  ['that is a folder', () => folder, /it is a folder/],
  ['that is empty', () => file('empty.so', new Uint8Array()), /it is no ELF file/],
  [
    'that is a text',
    () => file('text.so', new TextEncoder().encode('#!/bin/sh\nexit 0\n')),
    /it is no ELF file/,
  ],
  ['for another processor', () => otherProcessor(), /it is for (arm64|x64), this machine is (x64|arm64)/],
  ['that is a program', () => process.execPath, /it is an ELF file, but no shared library|does not load it/],
  ['that is cut off', () => cutOff(), /does not load it|killed by SIGBUS/],
  ['that is another library', () => cLibrary(), /it has no OrtGetApiBase/],
])('a library %s is refused with that reason, and nothing dies', async (_name, make, reason) => {
  await expectUnusable(await make(), reason);
});

async function file(name: string, bytes: Uint8Array): Promise<string> {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
}

async function otherProcessor(): Promise<string> {
  const bytes = await readFile(ONNX_LIBRARY);
  bytes.writeUInt16LE(process.arch === 'x64' ? 183 : 62, 18);
  return file('other.so', bytes.subarray(0, 4096));
}

async function cutOff(): Promise<string> {
  return file('cut.so', (await readFile(ONNX_LIBRARY)).subarray(0, 50_000));
}

/** The C library of this process. */
async function cLibrary(): Promise<string> {
  const maps = await readFile('/proc/self/maps', 'utf8');
  const found = /\s(\/\S*\/libc\.so\S*|\/\S*\/libc-[\d.]+\.so)$/m.exec(maps);
  if (!found) throw new Error('this process has no C library');
  return found[1];
}

const compiler = findProgram('gcc') ?? findProgram('cc');

/** A shared library of these lines of C. */
function compiled(name: string, source: string): string {
  const library = join(folder, name);
  execFileSync(compiler ?? 'gcc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', library], { input: source });
  return library;
}

const BASE = `
  typedef struct { const void *(*get_api)(unsigned); const char *(*version)(void); } base;
  static const base it = { get_api, version };
  const base *OrtGetApiBase(void) { return &it; }`;

test.skipIf(!compiler)('a library that is too old is told with its version', async () => {
  const library = compiled(
    'old.so',
    `static const void *get_api(unsigned v) { return 0; }
     static const char *version(void) { return "1.11.1"; } ${BASE}`,
  );
  await expectUnusable(library, /it is ONNX Runtime 1\.11\.1, SPECTA needs 1\.12 or later/);
});

test.skipIf(!compiler)('a table of other functions is refused before anything is trusted', async () => {
  const library = compiled(
    'odd.so',
    `static void *nothing(void) { return 0; }
     static void *table[300];
     static const void *get_api(unsigned v) { for (int i = 0; i < 300; i++) table[i] = nothing; return table; }
     static const char *version(void) { return "9.9.9"; } ${BASE}`,
  );
  await expectUnusable(library, /its table of functions is not that of ONNX Runtime/);
});

test.skipIf(!compiler).each([
  [
    'when it is loaded',
    '__attribute__((constructor)) static void start(void) { __builtin_trap(); }',
    /SIGILL|SIGTRAP/,
  ],
  ['when it is asked', 'void *OrtGetApiBase(void) { return *(void **)8; }', /SIGSEGV/],
  [
    'with last words',
    `#include <stdio.h>
     #include <stdlib.h>
     void *OrtGetApiBase(void) { fputs("out of luck\\n", stderr); abort(); }`,
    /SIGABRT, with "out of luck"/,
  ],
  [
    'by ending the process',
    '#include <stdlib.h>\nvoid *OrtGetApiBase(void) { exit(3); }',
    /ended with status 3/,
  ],
])('a library that takes its process down %s leaves this one alone', async (name, source, reason) => {
  await expectUnusable(compiled(`${name.replaceAll(' ', '-')}.so`, source), reason);
});

test('an inspection can be broken off', async () => {
  const reason = new Error('no longer wanted');
  await expect(inspectLibrary(ONNX_LIBRARY, AbortSignal.abort(reason))).rejects.toBe(reason);
  const stopping = new AbortController();
  const inspecting = inspectLibrary(ONNX_LIBRARY, stopping.signal);
  setTimeout(() => stopping.abort(reason), 20);
  await expect(inspecting).rejects.toBe(reason);
});
