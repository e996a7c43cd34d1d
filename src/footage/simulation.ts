import { parseArgs } from 'node:util';
import { SpectaError } from '../platform/errors.ts';
import { planRun } from './plan-run.ts';
import type { StillsOptions } from './render-job.ts';
import { type RenderOptions, renderRun, renderStills } from './render-run.ts';
import type { RunRecord } from './run-folder.ts';
import type { DefectDensity, RunOptions, SceneKind } from './run-plan.ts';

export const SIMULATE_HELP = `Renders a pipeline inspection as an ROV's camera would see it.

  npm run simulate -- --out DIR [options]

  --out DIR          folder to write: frame-000001.jpg…, truth.jsonl, run.json (must not hold anything else)
  --seed N           whole number; the same seed gives the same pictures              (default 1)
  --seconds N        length of the run                                                (default 30)
  --rate N           frames a second                                                  (default 10)
  --size WxH         pixels                                                           (default 640x360)
  --defects WORD     none, some or many                                               (default some)
  --scene WORD       coated, concrete or steel                                        (default: by the seed)
  --turbidity N      0 clear to 1 murky                                               (default: by the seed)
  --stills N         instead of a run: N views of N different pipes, kinds in turn
                     (intact, corrosion, crack, both); with --defects none only intact
  --workers N        threads                                                          (default: one per core)
  --help             this text
`;

/** What the command line asks for. */
export interface Simulation {
  readonly out: string;
  readonly what:
    | { readonly kind: 'run'; readonly options: RunOptions }
    | { readonly kind: 'stills'; readonly options: StillsOptions };
  readonly workers: number | null;
}

/** Reads the words after `npm run simulate --`. Throws `USAGE` with the option that is wrong. */
export function parseSimulation(words: readonly string[]): Simulation | 'help' {
  const text = { type: 'string' } as const;
  let values: Partial<Record<string, string | boolean>>;
  try {
    ({ values } = parseArgs({
      args: [...words],
      options: {
        out: text,
        seed: text,
        seconds: text,
        rate: text,
        size: text,
        defects: text,
        scene: text,
        turbidity: text,
        stills: text,
        workers: text,
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
  if (values.help) return 'help';
  const given = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const number = (name: string, otherwise: number): number => {
    const value = given(name);
    if (value === undefined) return otherwise;
    if (value.trim() === '' || !Number.isFinite(Number(value)))
      throw usage(`--${name} ${value} is no number.`);
    return Number(value);
  };
  const word = <T extends string>(name: string, allowed: readonly T[]): T | undefined => {
    const value = given(name);
    if (value === undefined) return undefined;
    const found = allowed.find((candidate) => candidate === value);
    if (!found) throw usage(`--${name} ${value} is not one of ${allowed.join(', ')}.`);
    return found;
  };
  const out = given('out');
  if (!out) throw usage('--out DIR is missing.');
  const size = /^(\d+)x(\d+)$/.exec(given('size') ?? '640x360');
  if (!size) throw usage(`--size ${given('size')} is not like 640x360.`);
  const scene = word<SceneKind>('scene', ['coated', 'concrete', 'steel']);
  const defects = word<DefectDensity>('defects', ['none', 'some', 'many']);
  const common = {
    seed: number('seed', 1),
    width: Number(size[1]),
    height: Number(size[2]),
    ...(scene ? { scene } : {}),
    ...(defects ? { defects } : {}),
    ...(given('turbidity') === undefined ? {} : { turbidity: number('turbidity', 0) }),
  };
  const workers = given('workers') === undefined ? null : number('workers', 1);
  if (workers !== null && !(Number.isInteger(workers) && workers >= 1))
    throw usage('--workers needs 1 or more.');
  const what: Simulation['what'] =
    given('stills') === undefined
      ? { kind: 'run', options: { ...common, seconds: number('seconds', 30), rate: number('rate', 10) } }
      : { kind: 'stills', options: { ...common, count: number('stills', 1) } };
  return { out, what, workers };
}

/** Renders what was asked for. */
export async function runSimulation(simulation: Simulation, options: RenderOptions): Promise<RunRecord> {
  const { what, out } = simulation;
  const all = simulation.workers === null ? options : { ...options, workers: simulation.workers };
  if (what.kind === 'stills') return await renderStills(what.options, out, all);
  return await renderRun(planRun(what.options), out, all);
}

function usage(message: string): SpectaError {
  return new SpectaError('USAGE', message, 'See `npm run simulate -- --help`.');
}
