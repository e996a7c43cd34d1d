import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE_OPTIONS } from '../src/platform/node-options.ts';

/** One part of the rig: one boot of the emulated machine, and the tests that run in it. */
export interface Part {
  readonly name: string;
  /** Test files by a piece of their path, as vitest takes them. */
  readonly files: readonly string[];
  /** For `device/rig/boot.sh`: RIG_ARGUMENTS, RIG_ROOT, RIG_ARCH, RIG_MEMORY, RIG_SECONDS; see its head. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Runs on this machine before the boot, by `sh -c`; the guest finds as /share what it leaves in $RIG_SHARE. */
  readonly before?: string;
  /**
   * What the guest runs in place of vitest, for a root that has none. It ends as the tests do, by a line `N passed,
   * N failed[, N skipped]`; SPECTA_RIG_FULL is set for it.
   */
  readonly command?: string;
}

/** The rig's parts in the order in which they run. */
export const PARTS: readonly Part[] = [
  {
    name: 'board',
    files: ['test/rig/camera', 'test/light/gpio-rig'],
    before: 'node scripts/build-onoff.mjs',
  },
  {
    // A chip that keeps its levels, with lines that sysfs calls by their names, as on a Jetson.
    name: 'names',
    files: ['test/light/gpio-rig'],
    environment: { RIG_ARGUMENTS: 'rig.gpiosim=hold=1,names=1' },
    before: 'node scripts/build-onoff.mjs',
  },
  {
    name: 'daemon',
    files: ['test/rig/daemon'],
    before: 'node test/rig/prepare-run.ts "$RIG_SHARE"',
  },
  {
    name: 'service',
    files: ['test/rig/service.rig'],
    environment: {
      RIG_ROOT: 'x64',
      RIG_ARGUMENTS: 'rig.systemd=1 rig.gpiosim=hold=0',
      RIG_MEMORY: '3072',
      RIG_SECONDS: '3600',
    },
    before: 'node test/rig/prepare-service.ts "$RIG_SHARE"',
  },
  {
    name: 'service-held',
    files: ['test/rig/service-held'],
    environment: {
      RIG_ROOT: 'x64',
      RIG_ARGUMENTS: 'rig.systemd=1 rig.gpiosim=hold=1',
      RIG_MEMORY: '3072',
      RIG_SECONDS: '3600',
    },
    before: 'node test/rig/prepare-service.ts "$RIG_SHARE"',
  },
  {
    name: 'arm64',
    files: ['test/rig/arm64'],
    environment: { RIG_ARCH: 'arm64', RIG_SECONDS: '3600' },
    before: 'node test/rig/prepare-arm64.ts "$RIG_SHARE" "$(device/rig/modules.sh)"',
    command: 'exec sh test/rig/arm64.sh test/rig/arm64 test/rig/camera.rig test/light/gpio-rig',
  },
];

/** What is asked of all parts. */
export interface Wish {
  /** The project's folder. */
  readonly project: string;
  /** What boots; given the command that the guest runs. */
  readonly boot: string;
  /** 1,000 reconnects, 50 replugs. */
  readonly full: boolean;
  /** Only tests whose names match. */
  readonly only: string | null;
  /** Only files whose paths contain one of these; empty: all. */
  readonly files: readonly string[];
  /** Takes what the guests print. */
  readonly print: (text: string) => void;
  readonly signal: AbortSignal;
}

/** How one part went. */
export interface PartResult {
  readonly part: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
  /** Why it counts as failed beyond its tests: the guest died, took too long, or told no counts. */
  readonly trouble: string | null;
}

const CLOSING = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;
/** How long a guest may take, s; a part's own RIG_SECONDS goes before. */
const PATIENCE = { short: '1200', full: '7200' } as const;
const TROUBLES: Readonly<Record<number, string>> = {
  3: 'what the rig needs is not installed (device/rig/build.sh --tools)',
  124: 'the guest took too long',
  125: 'the guest died',
};

/** The parts that hold a file which is asked for. */
export function partsWith(parts: readonly Part[], files: readonly string[]): readonly Part[] {
  if (files.length === 0) return parts;
  return parts.filter((part) => filesOf(part, files).length > 0);
}

/** A choice may be narrower than a part's own (`daemon-faults`) or wider (`test/rig`). */
function filesOf(part: Part, chosen: readonly string[]): readonly string[] {
  if (chosen.length === 0) return part.files;
  const narrower = chosen.filter((choice) => part.files.some((own) => choice.includes(own)));
  return [...narrower, ...part.files.filter((own) => chosen.some((choice) => own.includes(choice)))];
}

/** Boots one part and waits for its end. What goes wrong is in the result; the signal ends the guest. */
export async function runPart(part: Part, wish: Wish): Promise<PartResult> {
  const begin = performance.now();
  const share = await mkdtemp(join(tmpdir(), 'specta-rig-'));
  const environment = {
    RIG_SECONDS: wish.full ? PATIENCE.full : PATIENCE.short,
    ...process.env,
    PATH: `${join(wish.project, 'node_modules/.bin')}:${process.env.PATH}`,
    ...part.environment,
    RIG_SHARE: share,
  };
  let counts = { passed: 0, failed: 0, skipped: 0 };
  let told = false;
  const line = (text: string): void => {
    const match = CLOSING.exec(text.trimEnd());
    if (match === null) {
      // What the choice of names leaves out is no news.
      if (wish.only === null || !text.startsWith('skipped  ')) wish.print(`${text}\n`);
      return;
    }
    told = true;
    counts = { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
  };
  try {
    const prepared =
      part.before === undefined
        ? 0
        : await ended('sh', ['-c', part.before], wish, environment, (text) => wish.print(`${text}\n`));
    const status =
      prepared === 0 ? await ended(wish.boot, [commandOf(part, wish)], wish, environment, line) : null;
    const trouble = troubleOf(prepared, status, told ? counts : null);
    const seconds = (performance.now() - begin) / 1000;
    return {
      part: part.name,
      ...counts,
      failed: counts.failed + (trouble === null ? 0 : 1),
      seconds,
      trouble,
    };
  } finally {
    const cores = (await readdir(share)).filter((name) => name.startsWith('core.'));
    if (cores.length === 0) await rm(share, { recursive: true, force: true });
    else wish.print(`a program crashed: ${cores.map((name) => join(share, name)).join(', ')}\n`);
  }
}

function troubleOf(
  prepared: number | string,
  status: number | string | null,
  counts: { readonly failed: number } | null,
): string | null {
  if (prepared !== 0) return `what it needs could not be prepared (${prepared})`;
  if (typeof status === 'string') return status;
  if (status !== null && Object.hasOwn(TROUBLES, status)) return TROUBLES[status];
  if (counts === null) return `it ended with status ${status} and told no counts`;
  return status !== 0 && counts.failed === 0 ? `it ended with status ${status}, though no test failed` : null;
}

/** Runs a program and hands on its lines; its exit status, or in words why there is none. */
async function ended(
  program: string,
  parameters: readonly string[],
  { project, signal }: Wish,
  environment: NodeJS.ProcessEnv,
  line: (text: string) => void,
): Promise<number | string> {
  const child = spawn(program, [...parameters], {
    cwd: project,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment,
  });
  const stop = (): void => endTree(child.pid);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(line);
  });
  const ending = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, by) => resolve(status ?? `ended by ${by}`));
  });
  signal.removeEventListener('abort', stop);
  if (rest !== '') line(rest);
  return ending;
}

/** Ends a process and all below it: the emulator is in a process group of its own, and would go on without its script. */
function endTree(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    process.kill(pid, 'SIGTERM');
    for (const child of below.split(' ')) if (child !== '') endTree(Number(child));
  } catch {
    // It ended meanwhile.
  }
}

function commandOf(part: Part, { full, only, files }: Wish): string {
  // The second start of a program takes half as long when the first leaves its compiled code behind.
  const crashes = 'echo /share/core.%e.%p >/proc/sys/kernel/core_pattern; ulimit -c unlimited';
  const exports = `${crashes}; export SPECTA_RIG_FULL=${full ? 1 : 0} NO_COLOR=1 CI=1 NODE_COMPILE_CACHE=/tmp/compile-cache`;
  if (part.command !== undefined) return `${exports}; ${part.command}`;
  const vitest = [
    'node_modules/.bin/node',
    ...NODE_OPTIONS,
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/rig/vitest.config.ts',
    ...(only === null ? [] : ['--testNamePattern', quoted(only)]),
    ...filesOf(part, files).map(quoted),
  ];
  return `${exports}; exec ${vitest.join(' ')}`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The closing table: a row a part, then `N passed, N failed[, N skipped]` over all. */
export function tableOf(results: readonly PartResult[]): string {
  const widest = Math.max(4, ...results.map(({ part }) => part.length));
  const row = (name: string, cells: readonly (number | string)[]): string =>
    `${name.padEnd(widest)}${cells.map((cell) => String(cell).padStart(9)).join('')}`;
  const rows = results.map(({ part, passed, failed, skipped, seconds, trouble }) => {
    const text = row(part, [passed, failed, skipped, seconds.toFixed(0)]);
    return trouble === null ? text : `${text}  FAIL: ${trouble}`;
  });
  const total = (count: (result: PartResult) => number): number =>
    results.reduce((sum, result) => sum + count(result), 0);
  const skipped = total((result) => result.skipped);
  const closing = `${total((result) => result.passed)} passed, ${total((result) => result.failed)} failed`;
  const header = row('part', ['passed', 'failed', 'skipped', 'seconds']);
  return [header, ...rows, skipped > 0 ? `${closing}, ${skipped} skipped` : closing].join('\n');
}
