import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../daemon/config.ts';
import type { BundleId } from '../model/admission.ts';
import type { ModelStore } from '../model/model-store.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import type { TrialFacts } from '../surface/messages/model.ts';
import type { DataOf } from '../surface/messages/request.ts';
import { EXIT, exitStatusOf } from './exit-codes.ts';
import { type Interrupt, onInterrupt } from './interrupt.ts';
import { type Allowing, allowancesOf, nameOf, progress, storeOf } from './model-aboard.ts';
import { askIfThere } from './model-daemon.ts';
import { type FlashEnd, printEnd } from './model-verdict.ts';
import { isTerminal } from './terminal.ts';

interface FlashOptions extends Allowing {
  readonly json?: boolean;
}

/** How it ended, for people and programs. */
interface Outcome {
  readonly end: FlashEnd;
  readonly status: number;
  readonly words: readonly string[];
  readonly reason: string | null;
}

type Model = DataOf<'status'>['model'];

const LOOK_EVERY_MS = 300;
/** A daemon that died of the trial is started again by systemd; longer it is not waited for, ms. */
const BACK_WITHIN_MS = 60_000;
const BAR = 30;

function trialLine({ phase, progress: share, compared, alike, late, errors }: TrialFacts): string {
  if (phase === 'waiting') return '2/3  waiting for a picture of the camera';
  if (phase === 'proving') return '2/3  proving it beside the model that serves';
  const filled = Math.floor(share * BAR);
  const bar = `${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}`;
  const bad = `${late > 0 ? `, ${late} late` : ''}${errors > 0 ? `, ${errors} errors` : ''}`;
  return `3/3  watching with it  [${bar}] ${Math.floor(share * 100)} %  ${alike} of ${compared} frames alike${bad}`;
}

/** Shows how far the trial is: one line that changes on a terminal, else a line for each step and tenth. */
class TrialScreen {
  private last = '';
  private readonly isLive = isTerminal(process.stderr);

  show(trial: TrialFacts): void {
    const line = trialLine(trial);
    const key = this.isLive ? line : `${trial.phase} ${Math.floor(trial.progress * 10)}`;
    if (key === this.last) return;
    this.last = key;
    process.stderr.write(this.isLive ? `\r\x1b[K${line}` : `${line}\n`);
  }

  end(): void {
    if (this.isLive && this.last !== '') process.stderr.write('\r\x1b[K');
    this.last = '';
  }
}

/** The daemon's status; null when none answers. One that is too busy for it is there, and asked again. */
async function statusOf(config: Config, signal: AbortSignal): Promise<DataOf<'status'> | 'busy' | null> {
  try {
    return await askIfThere(config, 'status', {}, signal);
  } catch (error) {
    if (error instanceof SpectaError && error.code === 'REQUEST_BUSY') return 'busy';
    throw error;
  }
}

/** Looks until the trial is over; null when the daemon is gone and does not come back. */
async function followed(
  config: Config,
  id: BundleId,
  screen: TrialScreen,
  signal: AbortSignal,
): Promise<Model | null> {
  let heardMs = performance.now();
  for (;;) {
    const facts = await statusOf(config, signal);
    if (facts === 'busy') heardMs = performance.now();
    else if (facts !== null) {
      heardMs = performance.now();
      const { trial } = facts.model;
      if (trial?.digest !== id.digest) return facts.model;
      screen.show(trial);
    } else if (performance.now() - heardMs > BACK_WITHIN_MS) return null;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

function outcomeOf(id: BundleId, model: Model | null): Outcome {
  const name = nameOf(id);
  if (model === null) {
    const reason = 'SPECTA does not answer any more';
    const words = [
      `${reason}. Its next start serves the model that served before, not ${name}.`,
      'systemctl status specta',
    ];
    return { end: 'NO', status: EXIT.unavailable, reason, words };
  }
  if (model.digest === id.digest)
    return { end: 'YES', status: EXIT.ok, reason: null, words: [`${name} is in use.`] };
  const last = model.lastTrial?.digest === id.digest ? model.lastTrial : null;
  const reason = last?.reason ?? 'another bundle was put on trial instead';
  const words = [`${name} is not used: ${reason}.`, `${nameOf(model)} goes on as before.`];
  return { end: 'NO', status: EXIT.data, reason, words };
}

async function tryOut(
  store: ModelStore,
  config: Config,
  id: BundleId,
  options: FlashOptions,
  interrupt: Interrupt,
): Promise<Outcome> {
  const name = nameOf(id);
  const reference = `${name}@${id.digest}`;
  const { current } = await store.slots();
  const running = await askIfThere(config, 'status', {}, interrupt.signal);
  // One that is current and was passed over at the start is tried out again.
  const serves = running === null || running.model.digest === id.digest;
  if (current.kind === 'installed' && current.digest === id.digest && serves)
    return { end: 'YES', status: EXIT.ok, reason: null, words: [`${name} was in use already.`] };
  const { downgrade, anotherModel } = allowancesOf(options);
  const request = {
    bundle: reference,
    allowDowngrade: downgrade === true,
    anotherModel: anotherModel === true,
  };
  const asked = await askIfThere(config, 'model/activate', request, interrupt.signal);
  if (asked === null) {
    await store.requestTrial(reference, allowancesOf(options));
    const words = [
      `SPECTA does not run. ${name} is aboard; its trial begins at the next start.`,
      'Start SPECTA, then look: specta model list',
    ];
    return { end: 'WAIT', status: EXIT.partial, reason: 'the daemon does not run', words };
  }
  const screen = new TrialScreen();
  try {
    return outcomeOf(id, await followed(config, id, screen, interrupt.signal));
  } catch (error) {
    interrupt.signal.throwIfAborted();
    return unheard(id, asSpectaError(error));
  } finally {
    screen.end();
    if (interrupt.signal.aborted)
      process.stderr.write(`The trial of ${name} goes on without you: specta model list\n`);
  }
}

/** The trial is under way, and its end could not be heard of. */
function unheard(id: BundleId, { code, message }: SpectaError): Outcome {
  const reason = `${message} [${code}]`;
  const words = [
    `The trial of ${nameOf(id)} goes on, and how it ends could not be heard: ${message}`,
    'Look how it went: specta model list',
  ];
  return { end: 'WAIT', status: EXIT.partial, reason, words };
}

/** What was refused, as an outcome: nothing has changed on board. */
function refused(error: SpectaError): Outcome {
  const words = [error.message, error.help, 'Nothing was changed: the model that serves goes on.'];
  return { end: 'NO', status: exitStatusOf(error.code), reason: `${error.message} [${error.code}]`, words };
}

/** `specta model flash`: verify, install, try out beside the model that serves, and say YES or NO. */
export async function flash(file: string, options: FlashOptions): Promise<number> {
  using interrupt = onInterrupt();
  const path = resolve(file);
  const { store, config } = await storeOf(options, path);
  let id: BundleId | null = null;
  let outcome: Outcome;
  try {
    process.stderr.write(`1/3  verifying and copying ${file}\n`);
    const bar = progress();
    const reading = { signal: interrupt.signal, onProgress: bar.tell };
    const installed = await store.install(path, allowancesOf(options), reading).finally(() => bar.end());
    id = installed.id;
    const by = installed.signedBy === null ? 'signed by NOBODY' : `signed by key ${installed.signedBy}`;
    process.stderr.write(`1/3  ${nameOf(id)}: ${installed.placed}, ${by}\n`);
    outcome = await tryOut(store, config, id, options, interrupt);
  } catch (error) {
    if (interrupt.signal.aborted) throw error;
    outcome = refused(asSpectaError(error));
  }
  const { end, status, words, reason } = outcome;
  if (options.json === true) process.stdout.write(`${JSON.stringify({ ...id, answer: end, reason })}\n`);
  else printEnd(end, words);
  interrupt.throwIfOutputFailed();
  return status;
}
