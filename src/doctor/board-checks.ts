import { release } from 'node:os';
import type { Config } from '../daemon/config.ts';
import { type BoardSight, type JetPack, seeBoard, seeJetPack, seePowerMode } from './board.ts';
import { bad, type Check, type CheckResult, good, warning } from './examination.ts';

/** What Node 24 and the GPIO character device need. */
const LEAST = { glibc: [2, 28], kernel: [4, 18], gpioKernel: [5, 10] } as const;

type Version = readonly [number, number];

function versionOf(text: string): Version | null {
  const found = /^(\d+)\.(\d+)/.exec(text);
  return found === null ? null : [Number(found[1]), Number(found[2])];
}

function isOlder(version: Version, least: Version): boolean {
  return version[0] < least[0] || (version[0] === least[0] && version[1] < least[1]);
}

/** The C library that Node runs on; null where it is another than glibc. */
function glibcVersion(): string | null {
  const report = process.report.getReport() as {
    readonly header?: { readonly glibcVersionRuntime?: unknown };
  };
  const version = report.header?.glibcVersionRuntime;
  return typeof version === 'string' ? version : null;
}

/** Kernel and C library. */
export function systemResults(kernel: string, glibc: string | null): CheckResult[] {
  const found = `Linux ${kernel}, ${glibc === null ? 'no glibc' : `glibc ${glibc}`}`;
  const kernelVersion = versionOf(kernel);
  const glibcNumber = glibc === null ? null : versionOf(glibc);
  if (glibcNumber === null || isOlder(glibcNumber, LEAST.glibc)) {
    return [
      bad('system', found, 'SPECTA needs glibc 2.28 or later: on a Jetson that is JetPack 5 or later.'),
    ];
  }
  if (kernelVersion !== null && isOlder(kernelVersion, LEAST.kernel)) {
    return [
      bad(
        'system',
        found,
        'SPECTA needs kernel 4.18 or later, and 5.10 for its light: install a newer system.',
      ),
    ];
  }
  if (kernelVersion !== null && isOlder(kernelVersion, LEAST.gpioKernel)) {
    return [
      warning(
        'system',
        found,
        'The GPIO character device needs kernel 5.10: use light.line.kind: sysfs, or a newer system.',
      ),
    ];
  }
  return [good('system', found)];
}

export const systemCheck: Check = {
  name: 'system',
  async look() {
    if (process.platform !== 'linux') return [];
    return systemResults(release(), glibcVersion());
  },
};

function inYaml({ kind, chip, line, activeLow }: Config['light']['line']): string {
  return `{ kind: ${kind}, chip: ${chip}, line: ${line}, activeLow: ${activeLow} }`;
}

/** The board, its JetPack, and the line that carries the light there. */
export function boardResults(
  sight: BoardSight,
  jetpack: JetPack | null,
  config: Config | null,
): CheckResult[] {
  const system = jetpack === null ? '' : `, JetPack ${jetpack.major} (${jetpack.release})`;
  switch (sight.kind) {
    case 'none':
      return [good('board', `no device tree: a PC or a virtual machine${system}`)];
    case 'refused':
      return [bad('board', `${sight.board}${system}`, `SPECTA cannot serve here: ${sight.why}`)];
    case 'unknown': {
      const todo =
        'Choose light.line by hand from the GPIO chips below; device/boards/generic-linux.yaml says how.';
      return [warning('board', `${sight.model}${system}: not among device/boards`, todo)];
    }
    case 'known':
      break;
  }
  const { board, ran, light, jetpacks } = sight.board;
  const about = jetpack === null ? undefined : jetpacks[jetpack.major];
  const results: CheckResult[] = [];
  if (about !== undefined && 'unsupported' in about)
    results.push(bad('board', `${board}${system}`, about.unsupported.text));
  else if (jetpack !== null && about === undefined) {
    const known = Object.keys(jetpacks).join(' and ');
    results.push(
      warning('board', `${board}${system}`, `What is known of it is for JetPack ${known}: test the light.`),
    );
  } else results.push(good('board', `${board}${system} (${ran})`));
  results.push(lineResult(light, config));
  return results;
}

/** The line that the board file suggests, beside the one that is configured. */
function lineResult(
  {
    line,
    header,
  }: {
    readonly line: Config['light']['line'];
    readonly header?: { readonly pin: number; readonly ground: number } | undefined;
  },
  config: Config | null,
): CheckResult {
  const pin = header === undefined ? '' : ` (pin ${header.pin} of the header, ground on ${header.ground})`;
  const suggestion = `light.line: ${inYaml(line)}${pin}`;
  const configured = config?.light.line;
  if (configured === undefined) return good('board', `the light's line here is ${suggestion}`);
  const isSame =
    configured.kind === line.kind && configured.chip === line.chip && configured.line === line.line;
  if (isSame) return good('board', `the configured line is this board's${pin}`);
  return configured.kind === 'simulated'
    ? warning('board', 'the light is simulated on a board that has a line for it', `Set ${suggestion}`)
    : good('board', `another line than usual here is configured; the usual one: ${suggestion}`);
}

export function boardCheck(config: Config | null): Check {
  return {
    name: 'board',
    look: async () => boardResults(seeBoard(), seeJetPack(), config),
  };
}

/** The power mode; a Jetson alone has one. */
export const powerCheck: Check = {
  name: 'power',
  async look() {
    const mode = seePowerMode();
    return [
      good('power', mode === null ? 'no power modes here (nvpmodel is a Jetson’s)' : `power mode ${mode}`),
    ];
  },
};
