import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'src/main.ts');
/** Far beyond what any command needs: reached only when one hangs. */
const PATIENCE_MS = 90_000;

/** What a command left behind. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SpectaOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Where standard output goes instead of into `stdout`: a file descriptor. */
  readonly stdout?: number;
}

/** A command under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves once the output so far matches; rejects when the command ends before. */
  until(pattern: RegExp): Promise<void>;
}

/** The environment without what would change SPECTA's behaviour. */
function cleanEnvironment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SPECTA_|NO_COLOR|FORCE_COLOR|NODE_)/.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}

/** Follows a child to its end; kills it when it hangs. */
export function follow(child: ChildProcess): Running {
  const chunks = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const look of [...waiting]) look();
  };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      chunks[name] += text;
      tell();
    });
  }
  const hang = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  let end: Ended | null = null;
  const ended = new Promise<Ended>((settle) => {
    child.once('close', (status, signal) => {
      clearTimeout(hang);
      end = { status, signal, ...chunks };
      settle(end);
      tell();
    });
  });
  return {
    child,
    ended,
    until: (pattern) =>
      new Promise<void>((settle, reject) => {
        const look = (): void => {
          if (pattern.test(chunks.stdout) || pattern.test(chunks.stderr)) settle();
          else if (end !== null) reject(new Error(`ended before ${pattern}: ${JSON.stringify(end)}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Starts `specta` with these words. */
export function startSpecta(words: readonly string[], options: SpectaOptions = {}): Running {
  const settings: SpawnOptions = {
    cwd: options.cwd ?? ROOT,
    env: cleanEnvironment(options.env ?? {}),
    stdio: ['ignore', options.stdout ?? 'pipe', 'pipe'],
  };
  return follow(spawn(process.execPath, [MAIN, ...words], settings));
}

/** Runs `specta` with these words to its end. */
export function specta(words: readonly string[], options: SpectaOptions = {}): Promise<Ended> {
  return startSpecta(words, options).ended;
}

/** The lines of an output, parsed. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Every file below a folder with the digest of its bytes: equal before and after, nothing was changed. */
export function contentOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) return [name, 'folder'];
      return [name, createHash('sha256').update(readFileSync(path)).digest('hex')];
    }),
  );
}

/** What every error says: the code in brackets, and before it a sentence of what to do. */
export function expectedError(code: string): RegExp {
  return new RegExp(`^error .+\\n(?:  - .+\\n)*\\S.+[.)] \\[${code}\\]$`, 'm');
}
