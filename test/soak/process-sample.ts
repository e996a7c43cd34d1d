import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What a process holds, as the kernel counts it. */
export interface ProcessSample {
  readonly rssBytes: number;
  readonly threads: number;
  readonly descriptors: number;
  /** User and system time of all its threads so far, ms. */
  readonly cpuMs: number;
}

/** USER_HZ: what /proc counts processor time in, on every architecture of Linux that Node runs on. */
const TICK_MS = 10;

/** Looks at a process in /proc. */
export async function sampleProcess(pid: number): Promise<ProcessSample> {
  const [status, numbers, open] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readdir(`/proc/${pid}/fd`),
  ]);
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  // Behind the name, which may hold spaces: the third field comes first; utime and stime are the 14th and 15th.
  const fields = numbers.slice(numbers.lastIndexOf(')') + 2).split(' ');
  return {
    rssBytes: of('VmRSS') * 1024,
    threads: of('Threads'),
    descriptors: open.length,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
  };
}

/** What a state folder takes, bytes, by what is in it. */
export interface DiskSample {
  /** Findings stay for good: this grows with them. */
  readonly database: number;
  /** The database's log and its index. */
  readonly databaseLog: number;
  readonly stills: number;
  /** All the rest: models, trials, slots. */
  readonly rest: number;
}

/** Adds up the files of a state folder; `without` names one that is not ours. */
export async function sampleDisk(stateFolder: string, without: string): Promise<DiskSample> {
  const sum = { database: 0, databaseLog: 0, stills: 0, rest: 0 };
  for (const entry of await readdir(stateFolder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === without) continue;
    const path = join(entry.parentPath, entry.name);
    // Gone between the two looks: it takes nothing.
    const bytes = await stat(path).then(
      ({ size }) => size,
      () => 0,
    );
    if (/\.db-(wal|shm)$/.test(entry.name)) sum.databaseLog += bytes;
    else if (entry.name.endsWith('.db')) sum.database += bytes;
    else if (entry.parentPath.includes('/record/stills')) sum.stills += bytes;
    else sum.rest += bytes;
  }
  return sum;
}
