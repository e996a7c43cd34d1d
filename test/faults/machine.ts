import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { rm, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeReleaseFolder } from '../../scripts/release-folder.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
const BOOT = join(PROJECT, 'device/rig/boot.sh');
/** This machine, as the guest calls it. */
export const HOST = '10.0.2.2';
const DISK_BYTES = 512 * 1024 * 1024;
/** Of which a release takes a third. */
const APP_BYTES = 1024 * 1024 * 1024;
/** One life: it is killed long before. */
const LIFE_SECONDS = 3_600;
/** What is emulated is slow, and slower beside other work, ms. */
const PATIENCE_MS = 900_000;
const MOST_ENDED = 3;
/** The emulator wants the processors for itself, ms. */
const LOOK_EVERY_MS = 40;

/** An ext4 disk in a file of this machine, empty. */
export async function makeDisk(path: string): Promise<void> {
  await writeFile(path, '');
  await truncate(path, DISK_BYTES);
  // Otherwise the guest's kernel would go on making it for a while.
  const now = 'lazy_itable_init=0,lazy_journal_init=0';
  execFileSync('/usr/sbin/mkfs.ext4', ['-q', '-F', '-m', '0', '-E', now, path], { stdio: 'pipe' });
}

/**
 * A disk with a release of this project: read from a share its many files take a minute at each start of the daemon.
 *
 * @param folder for what is made on the way
 */
export async function makeAppDisk(path: string, folder: string): Promise<void> {
  const release = join(folder, 'release');
  const modules = realpathSync(join(PROJECT, 'node_modules'));
  makeReleaseFolder({ project: PROJECT, modules, arch: 'x64', version: '0.0.0', folder: release });
  await writeFile(path, '');
  await truncate(path, APP_BYTES);
  execFileSync('/usr/sbin/mkfs.ext4', ['-q', '-F', '-m', '0', '-O', '^has_journal', '-d', release, path], {
    stdio: 'pipe',
  });
  await rm(release, { recursive: true });
}

/** What e2fsck finds wrong with a disk that was unmounted; null: nothing. */
export function diskFault(path: string): string | null {
  try {
    execFileSync('/usr/sbin/e2fsck', ['-f', '-n', path], { stdio: 'pipe' });
    return null;
  } catch (error) {
    const said = error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
    return `${String(error)} ${said}`.trim();
  }
}

/** One line of the guest, and when it came here, ms of the monotonic clock. */
export interface GuestLine {
  readonly text: string;
  readonly atMs: number;
}

export interface Life {
  /** The folder that both machines see. It holds `film`, and the configuration. */
  readonly share: string;
  /** Made by {@link makeDisk}. */
  readonly disk: string;
  /** Made by {@link makeAppDisk}. */
  readonly app: string;
  /** Name of the daemon's configuration in `share`. */
  readonly config: string;
  /** Kills the machine. */
  readonly signal: AbortSignal;
}

/**
 * The rig's emulated machine in one life, from its boot to its death: a vehicle whose state is on a disk of its own. See
 * `machine-life.sh` for what it does.
 */
export class Machine implements AsyncDisposable {
  readonly share: string;
  /** What its programs and its daemon said, oldest first. */
  readonly lines: GuestLine[] = [];
  private readonly ended: Promise<void>;
  private rest = '';
  private complaints = '';
  private status: number | null | undefined;

  private constructor(share: string, child: ChildProcess) {
    this.share = share;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.hear(text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaints = (this.complaints + text).slice(-4_000);
    });
    this.ended = new Promise((settle) => {
      child.once('error', (error) => {
        this.complaints += error.message;
        this.status = null;
        settle();
      });
      child.once('close', (status) => {
        this.status = status;
        settle();
      });
    });
  }

  static boot({ share, disk, app, config, signal }: Life): Machine {
    for (const name of ['stop', 'flash', 'gc', 'left'])
      rmSync(join(share, name), { recursive: true, force: true });
    const child = spawn(BOOT, [`exec bash test/faults/machine-life.sh ${config}`], {
      cwd: PROJECT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        RIG_SHARE: share,
        RIG_DISKS: `${disk} ${app}`,
        RIG_NETWORK: '1',
        RIG_MEMORY: '1536',
        RIG_SECONDS: String(LIFE_SECONDS),
        RIG_ARGUMENTS: 'rig.scratch=256m rig.devices=',
      },
    });
    const machine = new Machine(share, child);
    const kill = (): void => void machine.kill();
    signal.addEventListener('abort', kill, { once: true });
    void machine.ended.then(() => signal.removeEventListener('abort', kill));
    if (signal.aborted) kill();
    return machine;
  }

  /** The first line with these words, from the `from`th line on; null when none has come. */
  line(words: string, from = 0): GuestLine | null {
    return this.lines.slice(from).find(({ text }) => text.includes(words)) ?? null;
  }

  /** The lines of the daemon's log with this message, as they were written. */
  logged(message: string): Readonly<Record<string, unknown>>[] {
    return this.lines.flatMap(({ text }) => {
      if (!text.startsWith('{') || !text.includes(`"msg":"${message}"`)) return [];
      return [JSON.parse(text) as Readonly<Record<string, unknown>>];
    });
  }

  /** Whether ext4 replayed its journal when it opened the disk. */
  get hasReplayed(): boolean {
    return readFileSync(join(this.share, 'left/kernel'), 'utf8').includes('recovery complete');
  }

  /** Daemons that ended by themselves; each was started again. */
  get daemonsEnded(): number {
    return this.lines.filter(({ text }) => text.startsWith('@daemon ended')).length;
  }

  /** Waits; a machine that ends by itself ends the waiting. */
  async until<T>(what: string, seen: () => T | false | null | undefined, ms = PATIENCE_MS): Promise<T> {
    const endMs = performance.now() + ms;
    for (;;) {
      const found = seen();
      if (found) return found;
      // One may die of Node's own faults; several do not start at all.
      const isOver = this.status !== undefined || this.daemonsEnded > MOST_ENDED;
      if (isOver || performance.now() > endMs) {
        const said = this.lines.slice(-40).map(({ text }) => text.slice(0, 400));
        const why = isOver ? 'the machine or its daemons ended before' : 'never happened';
        throw new Error([`${why}: ${what}`, ...said, this.complaints].join('\n'));
      }
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** SIGKILL of the emulator, at once. Resolves when all that the guest had said by then is heard. Idempotent. */
  async kill(): Promise<void> {
    const file = join(this.share, 'emulator.pid');
    while (this.status === undefined && !existsSync(file)) await sleep(10);
    if (this.status === undefined) killIfThere(Number(readFileSync(file, 'utf8')));
    await this.ended;
  }

  /** Ends the daemon and the machine in order. */
  async stop(): Promise<void> {
    writeFileSync(join(this.share, 'stop'), '');
    await this.until('the machine closes its disk', () => this.line('@closed'));
    await this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  private hear(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    const atMs = performance.now();
    for (const line of lines) this.lines.push({ text: line.trimEnd(), atMs });
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    // It ended meanwhile.
  }
}
