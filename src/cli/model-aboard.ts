import { resolve } from 'node:path';
import type { Config } from '../daemon/config.ts';
import type { Allowances, BundleId } from '../model/admission.ts';
import type { ModelStore } from '../model/model-store.ts';
import type { Pointer, Slots } from '../model/slots.ts';
import { becomeOwner } from '../platform/become-owner.ts';
import { asSpectaError } from '../platform/errors.ts';
import { type FileSystem, nodeFiles } from '../platform/files.ts';
import type { TrialFacts } from '../surface/messages/model.ts';
import type { DataOf } from '../surface/messages/request.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import { askIfThere } from './model-daemon.ts';
import { openStore } from './model-store-of.ts';
import { shippedModels } from './models-folder.ts';
import { counted, isTerminal, paint, table } from './terminal.ts';

/** A daemon that is alive answers at once, ms. */
const DAEMON_WITHIN_MS = 5_000;

interface Configured {
  readonly config: string;
}

export interface Allowing extends Configured {
  readonly allowDowngrade?: boolean;
  readonly anotherModel?: boolean;
}

export function allowancesOf({ allowDowngrade, anotherModel }: Allowing): Allowances {
  return { downgrade: allowDowngrade === true, anotherModel: anotherModel === true };
}

function warn(text: string): void {
  const { bold, yellow } = paint(process.stderr);
  process.stderr.write(`${yellow(bold('warning'))} ${text}\n`);
}

/** What came with SPECTA. When it cannot be read, flashing another is the way out, and must not be refused for it. */
async function shippedId(config: Config): Promise<BundleId | null> {
  const { resolveBundle } = await import('../model/bundle.ts');
  try {
    const { manifest, digest } = await resolveBundle(
      config.model.bundle,
      config.modelsFolder ?? shippedModels(),
    );
    return { name: manifest.name, version: manifest.version, digest };
  } catch (error) {
    warn(`The model that came with SPECTA cannot be read: ${asSpectaError(error).message}`);
    return null;
  }
}

/**
 * The models of the vehicle that a configuration describes, with the rights of whom they belong to. `fs` must have
 * opened before what only root may read.
 */
export async function storeOf(
  options: Configured,
  openBefore?: string,
): Promise<{ store: ModelStore; config: Config }> {
  const { loadConfig } = await import('../daemon/load-config.ts');
  const config = await loadConfig(options.config, process.env);
  if (config.model.allowUnsigned) {
    warn(
      `model.allowUnsigned is set in ${options.config}: bundles that nobody signed are taken. For development only, never for a dive.`,
    );
  }
  const shipped = await shippedId(config);
  const fs = openBefore === undefined ? nodeFiles : await withOpened(openBefore);
  const store = openStore(config, { fs, shipped });
  becomeOwner(resolve(config.stateFolder));
  return { store, config };
}

/** A stick that only root may read is opened while this process is still root; what fails is told by who reads it. */
async function withOpened(path: string): Promise<FileSystem> {
  const opening = nodeFiles.openFile(path);
  await opening.catch(() => undefined);
  return { ...nodeFiles, openFile: (asked) => (asked === path ? opening : nodeFiles.openFile(asked)) };
}

/** `name@version`, for people. */
export const nameOf = ({ name, version }: Pick<BundleId, 'name' | 'version'>): string => `${name}@${version}`;

function wordsOf(pointer: Pointer): string {
  return pointer.kind === 'shipped' ? 'the model that came with SPECTA' : nameOf(pointer);
}

/** Tells how far the reading is, on a terminal. */
export function progress(): { tell(done: number, bytes: number): void; end(): void } {
  if (!isTerminal(process.stderr)) return { tell: () => undefined, end: () => undefined };
  let last = -1;
  return {
    tell(done, bytes) {
      const percent = Math.floor((100 * done) / Math.max(1, bytes));
      if (percent === last) return;
      last = percent;
      process.stderr.write(`\r${String(percent).padStart(3)} %`);
    },
    end() {
      if (last >= 0) process.stderr.write('\r     \r');
    },
  };
}

/** `specta model install`. */
export async function install(
  file: string,
  options: Allowing & { readonly json?: boolean },
): Promise<number> {
  using interrupt = onInterrupt();
  const path = resolve(file);
  const { store } = await storeOf(options, path);
  const bar = progress();
  const reading = { signal: interrupt.signal, onProgress: bar.tell };
  const { id, placed, signedBy } = await store
    .install(path, allowancesOf(options), reading)
    .finally(() => bar.end());
  if (options.json === true) process.stdout.write(`${JSON.stringify({ ...id, placed, signedBy })}\n`);
  else {
    const by = signedBy === null ? 'signed by NOBODY' : `signed by key ${signedBy}`;
    process.stdout.write(
      `${nameOf(id)}: ${placed}, ${by}\nWhat serves has not changed: \`specta model activate ${nameOf(id)}\`\n`,
    );
  }
  return EXIT.ok;
}

/** Loads the bundle and computes its golden inputs; throws what is wrong. */
async function prove(store: ModelStore, reference: string, config: Config): Promise<void> {
  const [{ startVision }, { engineOptions }] = await Promise.all([
    import('../vision/vision.ts'),
    import('../daemon/part-options.ts'),
  ]);
  const bundle = await store.shelf.open(await store.shelf.find(reference));
  const vision = await startVision({ ...engineOptions(config), bundle, stills: true });
  await vision.close();
}

/** `specta model activate`. */
export async function activate(
  reference: string,
  options: Allowing & { readonly now?: boolean },
): Promise<number> {
  const { store, config } = await storeOf(options);
  const allow = allowancesOf(options);
  if (options.now === true) {
    await prove(store, reference, config);
    const { current } = await store.activate(reference, allow);
    process.stdout.write(`${wordsOf(current)} is current: the next start serves it.\n`);
    return EXIT.ok;
  }
  const request = {
    bundle: reference,
    allowDowngrade: allow.downgrade === true,
    anotherModel: allow.anotherModel === true,
  };
  const asked = await askIfThere(config, 'model/activate', request);
  if (asked !== null) {
    const { serving } = asked;
    process.stdout.write(
      `The trial has begun; ${nameOf(serving)} serves until it is passed: specta model list\n`,
    );
    return EXIT.ok;
  }
  const { current, trial } = await store.requestTrial(reference, allow);
  const name = trial === null ? reference : nameOf(trial.bundle);
  process.stdout.write(`${name} waits for its trial; ${wordsOf(current)} serves until it has passed.\n`);
  return EXIT.ok;
}

/** `specta model rollback`. */
export async function rollback(options: Configured): Promise<number> {
  const { store, config } = await storeOf(options);
  const { trial } = await store.slots();
  const asked = await askIfThere(config, 'model/rollback', {});
  if (asked !== null) {
    const ended = trial === null ? 'serves again' : `goes on: the trial of ${nameOf(trial.bundle)} is over`;
    process.stdout.write(`${nameOf(asked.serving)} ${ended}.\n`);
    return EXIT.ok;
  }
  const { current } = await store.rollback();
  const what = trial === null ? 'is current again' : `goes on: the trial of ${nameOf(trial.bundle)} is ended`;
  process.stdout.write(`${wordsOf(current)} ${what}.\n`);
  return EXIT.ok;
}

/** How far the daemon is with the trial; null when none answers. */
function trialWords({ phase, progress: share, compared, alike }: TrialFacts): string {
  if (phase === 'waiting') return 'waits for a picture of the camera';
  if (phase === 'proving') return 'is being proved beside the model that serves';
  return `has judged ${Math.floor(share * 100)} % of its frames: ${alike} of ${compared} alike`;
}

function headOf(slots: Slots, running: DataOf<'status'>['model'] | null): string {
  const { current, previous, trial, lastTrial } = slots;
  const live = running?.trial ?? null;
  const lines = [
    `current   ${wordsOf(current)}`,
    `previous  ${previous === null ? 'none' : wordsOf(previous)}`,
    `trial     ${trial === null ? 'none' : `${nameOf(trial.bundle)}, ${live === null ? trial.phase.kind : trialWords(live)}`}`,
  ];
  if (running !== null) lines.unshift(`in use    ${nameOf(running)}`);
  if (lastTrial !== null) {
    const { bundle, reason, utcMs } = lastTrial;
    const outcome = reason === null ? 'was passed' : `ended: ${reason}`;
    lines.push(`last      the trial of ${nameOf(bundle)} ${outcome} (${new Date(utcMs).toISOString()})`);
  }
  return `${lines.join('\n')}\n`;
}

/** `specta model list`. The status is 2 when a bundle cannot be used. */
export async function list(
  options: Configured & { readonly check?: boolean; readonly json?: boolean },
): Promise<number> {
  const { store, config } = await storeOf(options);
  const slots = await store.slots();
  // A daemon that hides from this user is no reason to hide the slots.
  const running = await askIfThere(config, 'status', {}, AbortSignal.timeout(DAEMON_WITHIN_MS)).then(
    (facts) => facts?.model ?? null,
    () => null,
  );
  const bundles = await store.list(options.check === true);
  const status = bundles.some(({ fault }) => fault !== null) ? EXIT.partial : EXIT.ok;
  if (options.json === true) {
    const rows = bundles.map(({ id, manifest, fault, ...rest }) => ({
      ...id,
      ...rest,
      createdAt: manifest?.createdAt ?? null,
      fault: fault === null ? null : { code: fault.code, message: fault.message },
    }));
    process.stdout.write(`${JSON.stringify({ slots, inUse: running, bundles: rows })}\n`);
    return status;
  }
  process.stdout.write(headOf(slots, running));
  const { red, yellow } = paint(process.stdout);
  const signer = (signedBy: string | null): string => {
    if (signedBy === null) return yellow('NOBODY');
    return signedBy === 'untrusted' ? yellow('a key that is not trusted') : signedBy;
  };
  const rows = bundles.map(({ id, slots: marks, manifest, bytes, signedBy, fault }) => [
    nameOf(id),
    id.digest.slice(0, 12),
    marks.join(', ') || '-',
    `${(bytes / 1e6).toFixed(1)} MB`,
    manifest?.createdAt.slice(0, 10) ?? '-',
    fault === null ? signer(signedBy) : red(fault.message),
  ]);
  if (rows.length > 0) {
    const head = ['bundle', 'digest', 'slot', 'size', 'made', 'signed by'];
    process.stdout.write(`\n${table([head, ...rows]).join('\n')}\n`);
  }
  return status;
}

/** `specta model remove`. */
export async function remove(reference: string, options: Configured): Promise<number> {
  const { store } = await storeOf(options);
  process.stdout.write(`${nameOf(await store.remove(reference))} is removed.\n`);
  return EXIT.ok;
}

/** `specta model gc`. */
export async function gc(options: Configured): Promise<number> {
  const { store } = await storeOf(options);
  const removed = await store.gc();
  const names = removed.length === 0 ? '' : `: ${removed.map(nameOf).join(', ')}`;
  process.stdout.write(`${counted(removed.length, 'bundle')} removed${names}.\n`);
  return EXIT.ok;
}
