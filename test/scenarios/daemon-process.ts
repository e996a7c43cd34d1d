import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const KEPT_LOG_LINES = 2_000;

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One line of the daemon's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly level: number; readonly msg: string };

/** Variables of this test's own process that would change what the daemon does. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(SPECTA_|VITEST|NODE_OPTIONS$|NODE_V8_COVERAGE$)/.test(name),
    ),
  );
}

/** `specta run --config FILE` as a process of its own. */
export class DaemonProcess {
  readonly configFile: string;
  /** Resolves when it has ended. */
  readonly ended: Promise<Ending>;
  private readonly child: ChildProcess;
  private readonly lines: string[] = [];
  private part = '';
  private outcome: Ending | null = null;
  private asked = false;

  constructor(configFile: string, environment: NodeJS.ProcessEnv = {}) {
    this.configFile = configFile;
    this.child = spawn(process.execPath, [MAIN, 'run', '--config', configFile], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...cleanEnvironment(), ...environment },
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.hear(text));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.outcome = { code, signal };
        resolve(this.outcome);
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** null while it runs. */
  get ending(): Ending | null {
    return this.outcome;
  }

  /** True when it ended and nobody had asked it to. */
  get endedByItself(): boolean {
    return this.outcome !== null && !this.asked;
  }

  /** What it wrote to standard error. */
  get output(): string {
    return [...this.lines, this.part].join('\n');
  }

  /** The lines of its log. */
  get log(): LogLine[] {
    return this.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
  }

  /** Whether a line of its log says so. */
  said(message: string): boolean {
    return this.lines.some((line) => line.includes(`"msg":"${message}"`));
  }

  /** SIGTERM; gives how it ended and how long that took. */
  async stop(): Promise<Ending & { readonly ms: number }> {
    const begin = performance.now();
    this.asked = true;
    this.child.kill('SIGTERM');
    return { ...(await this.ended), ms: performance.now() - begin };
  }

  /** SIGKILL, as a crash or the loss of power would. Idempotent. */
  async kill(): Promise<void> {
    this.asked = true;
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private hear(text: string): void {
    const lines = (this.part + text).split('\n');
    this.part = lines.pop() ?? '';
    this.lines.push(...lines);
    if (this.lines.length > KEPT_LOG_LINES) this.lines.splice(0, this.lines.length - KEPT_LOG_LINES);
  }
}
