import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '../platform/clock.ts';
import { systemCode } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { withoutSecrets } from './camera-uri.ts';

const LEAVE_MS = 250;
const TERMINATE_MS = 1000;
const KILL_MS = 1000;
const LONGEST_LINE = 400;

/** The program's path as `execvp` would find it, or null. A name with a slash is taken from the working directory. */
export function findProgram(name: string, searchPath: string = process.env.PATH ?? ''): string | null {
  const candidates = name.includes('/')
    ? [name]
    : searchPath
        .split(delimiter)
        .filter((folder) => folder !== '')
        .map((folder) => join(folder, name));
  return candidates.find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Whatever hinders looking at it hinders running it.
    return false;
  }
}

/**
 * A child process that writes images to its standard output, with all it starts: it leads a process group of its own,
 * which ends with it. Its standard output is a socket, as Node makes them: a program that opens `/dev/stdout` by name
 * fails, one that writes to descriptor 1 works. Standard input is empty.
 */
export class CameraChild {
  readonly stdout: Readable;
  private readonly child: ChildProcess;
  private readonly clock: Clock;
  private readonly log: Logger;
  /** Resolves when the child is gone (or never came to be); `close`: and its pipes are read to the end. */
  private readonly exited: Promise<void>;
  private readonly closed: Promise<void>;
  private gone = false;
  private outcome = 'still running';
  private partLine = '';
  private line: string | null = null;

  /** Starts the program. What hinders it shows as an end of `stdout` and in `ending`; or is thrown at once. */
  constructor(argv: readonly [string, ...string[]], clock: Clock, log: Logger) {
    const [program, ...rest] = argv;
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.child = child;
    this.clock = clock;
    this.log = log;
    this.exited = new Promise<void>((resolve) => {
      child.once('exit', (status, signal) => {
        this.outcome = signal === null ? `ended with status ${status}` : `was ended by ${signal}`;
        resolve();
      });
      child.on('error', (error) => {
        if (child.pid !== undefined) return;
        this.outcome = `did not start (${systemCode(error) ?? error.message})`;
        resolve();
      });
    }).then(() => {
      this.gone = true;
    });
    this.closed = new Promise<void>((resolve) => {
      child.once('close', () => resolve());
    });
    // Where descriptors are short there are neither, whatever the types say.
    if (!child.stdout || !child.stderr) {
      throw new Error(`${program} did not start: no pipes`);
    }
    this.stdout = child.stdout;
    // The reader sees an error as the end of the stream; without a listener it would end the process.
    this.stdout.on('error', (error) => log.debug({ error: error.message }, 'camera output failed'));
    child.stderr.on('error', (error) => log.debug({ error: error.message }, 'camera messages failed'));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.hear(text));
  }

  /** How it ended, for people, with the last line it wrote to standard error. */
  get ending(): string {
    const line = this.partLine.trim() === '' ? this.line : this.cleaned(this.partLine);
    return line === null ? this.outcome : `${this.outcome}: ${line}`;
  }

  /**
   * Ends the child and its process group, and gives back its descriptors. `leave` lets one that is ending by itself
   * say its last words first. A child that does not heed SIGTERM within a second is killed.
   */
  async end(leave: boolean): Promise<void> {
    if (leave) await this.within(LEAVE_MS, this.closed);
    this.stdout.destroy();
    if (!this.gone) {
      this.signalGroup('SIGTERM');
      await this.within(TERMINATE_MS, this.exited);
    }
    // Also when the child is gone: what it left behind must not keep the camera.
    this.signalGroup('SIGKILL');
    if (!this.gone && !(await this.within(KILL_MS, this.exited))) {
      this.log.error({ pid: this.child.pid }, 'a camera process could not be killed');
    }
    await this.within(LEAVE_MS, this.closed);
    this.child.stderr?.destroy();
  }

  private signalGroup(signal: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      // ESRCH: the group is empty, which is what is wanted.
      if (systemCode(error) !== 'ESRCH') this.log.warn({ pid, signal, error: String(error) }, 'kill failed');
    }
  }

  /** True when `promise` resolved before `ms` passed. */
  private async within(ms: number, promise: Promise<void>): Promise<boolean> {
    let cancel = (): void => undefined;
    const timeout = new Promise<boolean>((resolve) => {
      cancel = this.clock.after(ms, () => resolve(false));
    });
    const inTime = await Promise.race([promise.then(() => true), timeout]);
    cancel();
    return inTime;
  }

  private hear(text: string): void {
    const lines = (this.partLine + text).split(/[\r\n]+/);
    this.partLine = (lines.pop() ?? '').slice(-LONGEST_LINE);
    for (const line of lines) {
      if (line.trim() === '') continue;
      this.line = this.cleaned(line);
      this.log.debug({ line: this.line }, 'camera command says');
    }
  }

  private cleaned(line: string): string {
    return withoutSecrets(line.trim()).slice(0, LONGEST_LINE);
  }
}
