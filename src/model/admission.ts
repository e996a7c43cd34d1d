import type { Manifest } from '../domain/manifest.ts';
import { SpectaError } from '../platform/errors.ts';
import { compareVersions } from './bundle-versions.ts';

/** Which bundle exactly. */
export interface BundleId {
  readonly name: string;
  /** major.minor.patch */
  readonly version: string;
  /** sha256 of the manifest's exact bytes, hex. */
  readonly digest: string;
}

/** What runs models on this vehicle. */
export interface Runtime {
  /** SPECTA's own version. */
  readonly version: string;
  /** Kinds of engine that can be used here: `onnx`, … */
  readonly engines: readonly string[];
  /** The execution provider that the configuration asks for. */
  readonly provider: string;
}

/** What somebody may ask for in so many words. */
export interface Allowances {
  /** A version that does not rise. */
  readonly downgrade?: boolean;
  /** A model of a name that never served here. */
  readonly anotherModel?: boolean;
}

function incompatible(what: string, help: string): SpectaError {
  return new SpectaError('BUNDLE_INCOMPATIBLE', `This bundle ${what}.`, help);
}

const WRONG_BUNDLE = 'Get the bundle that was made for this vehicle.';
const NEWER_SPECTA = 'Upgrade SPECTA first, or get a bundle for this version.';

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

/**
 * Tells a bundle of another kind or of a later SPECTA from a broken one, before its manifest is read strictly.
 * Throws `BUNDLE_INCOMPATIBLE`. Text that is no JSON is left to the strict reader.
 */
export function checkKind(text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The strict reader says what is wrong with it.
    return;
  }
  const schema = member(value, 'schema');
  if (typeof schema === 'number' && schema > 1)
    throw incompatible(`has a manifest of schema ${schema}; this SPECTA knows schema 1`, NEWER_SPECTA);
  const channels = member(member(value, 'input'), 'channels');
  if (typeof channels === 'number' && channels !== 1)
    throw incompatible(`wants pictures of ${channels} channels; SPECTA gives luma, 1 channel`, WRONG_BUNDLE);
  const read = member(member(value, 'preprocessing'), 'channels');
  if (typeof read === 'string' && read !== 'luma')
    throw incompatible(`wants pictures in ${read}; SPECTA gives luma`, WRONG_BUNDLE);
}

/** Throws `BUNDLE_INCOMPATIBLE` for a bundle that cannot run here. */
export function checkRuntime({ requires, tolerances }: Manifest, runtime: Runtime): void {
  // A version under development (0.2.0-rc.1) has what its release will have.
  const [own = '0.0.0'] = /^\d+\.\d+\.\d+/.exec(runtime.version) ?? [];
  if (requires?.specta !== undefined && compareVersions(own, requires.specta) < 0)
    throw incompatible(`needs SPECTA ${requires.specta}; this is ${runtime.version}`, NEWER_SPECTA);
  const { engines } = requires ?? {};
  if (engines !== undefined && !engines.some((engine) => runtime.engines.includes(engine)))
    throw incompatible(
      `runs on ${engines.join(' or ')}; this vehicle has ${runtime.engines.join(', ')}`,
      WRONG_BUNDLE,
    );
  if (tolerances[runtime.provider] === undefined)
    throw incompatible(
      `states no tolerance for provider ${runtime.provider}, which this vehicle uses: it could not be proved here`,
      `Get one that does; this one is for ${Object.keys(tolerances).join(', ')}.`,
    );
}

const idOf = ({ name, version, digest }: BundleId): string => `${name}@${version} (${digest.slice(0, 12)})`;

/**
 * Whether a bundle may come after those that have served: versions only rise, and a name that never served is another
 * model, whose versions say nothing about this one's. Throws `BUNDLE_DOWNGRADE`, `BUNDLE_ANOTHER_MODEL`.
 *
 * @param served the highest bundle of each name that has served here, the shipped one among them
 */
export function checkSuccession(id: BundleId, served: readonly BundleId[], allow: Allowances): void {
  const same = served.filter(({ name }) => name === id.name);
  if (same.length === 0) {
    if (served.length === 0 || allow.anotherModel) return;
    throw new SpectaError(
      'BUNDLE_ANOTHER_MODEL',
      `${idOf(id)} is another model than any that has served here (${served.map(({ name }) => name).join(', ')}).`,
      'If that is meant, say so with --another-model.',
    );
  }
  if (allow.downgrade) return;
  for (const floor of same) {
    const order = compareVersions(id.version, floor.version);
    if (order > 0 || (order === 0 && id.digest === floor.digest)) continue;
    throw new SpectaError(
      'BUNDLE_DOWNGRADE',
      order < 0
        ? `${idOf(id)} is older than ${idOf(floor)}, which has served here.`
        : `${idOf(id)} has the version of ${idOf(floor)}, which has served here, but is not the same.`,
      'Versions only rise; if going back is meant, say so with --allow-downgrade.',
    );
  }
}
