import { readFile, readlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';

/** A stretch of this process's addresses that a file fills. */
export interface Stretch {
  readonly address: number;
  readonly bytes: number;
  readonly path: string;
}

/** `madvise`'s "not needed": the kernel takes the pages, and reads them from their file when they are touched again. */
const DONT_NEED = 4;
/** `dlopen`'s flags, Linux: only what is loaded already, and from now on for good. */
const HOLD_LOADED = 0x1 | 0x4 | 0x1000;

const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+\s*(.*)$/;
const OWN_PAGES = /^(?:Anonymous|Swap):\s+(\d+) kB/;
const RESIDENT = /^Rss:\s+(\d+) kB/;
/** Less of a stretch in memory is not worth a call, kB. */
const LEAST_KB = 128;

/**
 * What of programs and libraries can be read from their files again at any time: mappings that nobody may write to and that
 * hold no page of the process's own (a loader's corrections would be lost).
 *
 * @param smaps the kernel's `/proc/<pid>/smaps`
 */
export function fileStretches(smaps: string): Stretch[] {
  const found: (Stretch & { isOwn: boolean; isSmall: boolean })[] = [];
  let current: (typeof found)[number] | null = null;
  for (const line of smaps.split('\n')) {
    const head = HEAD.exec(line);
    if (head) {
      const [, from, to, rights, path] = head;
      const address = Number.parseInt(from, 16);
      const bytes = Number.parseInt(to, 16) - address;
      const isFile = /^r-[-x]p$/.test(rights) && path.startsWith('/');
      current = isFile ? { address, bytes, path, isOwn: false, isSmall: true } : null;
      if (current) found.push(current);
    } else if (current) {
      if (Number(RESIDENT.exec(line)?.[1] ?? 0) >= LEAST_KB) current.isSmall = false;
      if (Number(OWN_PAGES.exec(line)?.[1] ?? 0) > 0) current.isOwn = true;
    }
  }
  return found.flatMap(({ isOwn, isSmall, ...stretch }) => (isOwn || isSmall ? [] : [stretch]));
}

/**
 * Gives back what this process holds and does not use: free memory in the C library's heaps, and pages of programs and
 * libraries that only a start or a rare task has read. What is used again comes back page by page, from the kernel's
 * cache of files. The work is done on other threads. Libraries that are loaded now stay so for good: were one unloaded
 * in the middle, its place could be somebody else's memory. Rejects where koffi, `/proc` or glibc is missing.
 */
export async function giveBackMemory(): Promise<void> {
  const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
  const libc = koffi.load('libc.so.6');
  const trim = promisify(libc.func('int malloc_trim(size_t pad)').async);
  const advise = promisify(libc.func('int madvise(uintptr_t address, size_t bytes, int advice)').async);
  const open = promisify(libc.func('void *dlopen(const char *path, int flags)').async);
  const smaps = (): Promise<string> => readFile('/proc/self/smaps', 'utf8');
  await trim(0);
  const held = new Set([await readlink('/proc/self/exe')]);
  for (const path of new Set(fileStretches(await smaps()).map((stretch) => stretch.path))) {
    if (!held.has(path) && (await open(path, HOLD_LOADED))) held.add(path);
  }
  for (const { address, bytes, path } of fileStretches(await smaps())) {
    if (held.has(path)) await advise(address, bytes, DONT_NEED);
  }
}
