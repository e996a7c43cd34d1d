import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { copyFile, readFile, stat, truncate } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { FromVehicle, Progress, ToVehicle } from './letters.ts';

const VEHICLE = fileURLToPath(new URL('./vehicle.ts', import.meta.url));
/** The log is rotated when it is longer, bytes. */
const LOG_BYTES = 1_048_576;
const LOOK_MS = 20;

type Answer = Readonly<Record<string, unknown>>;

/** The vehicle of a soak as whoever runs the soak sees it. */
export class VehicleProcess {
  readonly logFile: string;
  /** How often its log was copied away and cut, as logrotate's copytruncate does. */
  rotations = 0;
  private readonly child: ChildProcess;
  private readonly answers = new Map<number, (answer: Answer) => void>();
  private readonly ended: Promise<void>;
  private last: Progress | null = null;
  private asked = 0;
  private isStopped = false;
  private ending: string | null = null;

  constructor(configFile: string, logFile: string) {
    this.logFile = logFile;
    // Appending: after a cut it goes on at the new end.
    const log = openSync(logFile, 'a');
    this.child = spawn(process.execPath, [VEHICLE, configFile], { stdio: ['ignore', 'ignore', log, 'ipc'] });
    closeSync(log);
    this.child.on('message', (letter: FromVehicle) => this.take(letter));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.ending = String(code ?? signal);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** null before it has told anything. */
  get progress(): Progress | null {
    return this.last;
  }

  /** Throws when it has ended and nobody had asked it to. */
  checkAlive(): void {
    if (this.ending !== null && !this.isStopped)
      throw new Error(`the vehicle ended by itself: ${this.ending}`);
  }

  /** Waits until its progress says so. Rejects when it ends, or after `ms` of real time. */
  async until(what: string, seen: (progress: Progress) => boolean, ms = 300_000): Promise<Progress> {
    const end = performance.now() + ms;
    for (;;) {
      this.checkAlive();
      if (this.last !== null && seen(this.last)) return this.last;
      if (performance.now() > end) throw new Error(`never happened: ${what}; ${JSON.stringify(this.last)}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Waits so long by the vehicle's own clock. */
  async pass(seconds: number): Promise<void> {
    const from = this.last?.monoMs ?? 0;
    await this.until(`${seconds} s pass`, ({ monoMs }) => monoMs >= from + seconds * 1000);
  }

  /** Asks as the control socket does. */
  ask(name: string, content: object = {}): Promise<Answer> {
    this.asked += 1;
    const id = this.asked;
    return new Promise((resolve) => {
      this.answers.set(id, resolve);
      this.send({ kind: 'ask', id, name, content });
    });
  }

  setClock(utcMs: number | null): void {
    this.send({ kind: 'set-clock', utcMs });
  }

  async rotateLog(): Promise<void> {
    const { size } = await stat(this.logFile);
    if (size < LOG_BYTES) return;
    await copyFile(this.logFile, `${this.logFile}.1`);
    await truncate(this.logFile);
    this.rotations += 1;
  }

  /** The end of its log, for whoever looks into a failure. */
  async logEnd(): Promise<string> {
    return (await readFile(this.logFile, 'utf8')).slice(-4_000);
  }

  /** Stops the daemon in order. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.send({ kind: 'stop' });
    await this.ended;
    if (this.ending !== '0') throw new Error(`the vehicle did not stop in order: ${this.ending}`);
  }

  /** SIGKILL; idempotent. */
  async kill(): Promise<void> {
    this.isStopped = true;
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private send(letter: ToVehicle): void {
    if (this.child.connected) this.child.send(letter);
  }

  private take(letter: FromVehicle): void {
    if (letter.kind === 'progress') this.last = letter;
    if (letter.kind !== 'answer') return;
    this.answers.get(letter.id)?.(letter.answer);
    this.answers.delete(letter.id);
  }
}
