import type { Frame } from '../../domain/frame.ts';
import type { Bundle } from '../../domain/manifest.ts';
import type { Verdict } from '../../domain/verdict.ts';
import type { Allowances, BundleId } from '../../model/admission.ts';
import type { ModelStore } from '../../model/model-store.ts';
import { FIRST_SLOTS, type Slots } from '../../model/slots.ts';
import { Emitter } from '../../platform/emitter.ts';
import { asSpectaError, SpectaError } from '../../platform/errors.ts';
import type { ModelsOnBoard } from '../../surface/messages/model.ts';
import type { DataOf } from '../../surface/messages/request.ts';
import { startVision, type Vision } from '../../vision/vision.ts';
import { type ServingModel, signatureOf } from '../model-to-serve.ts';
import type { SupervisedVision } from '../supervised-vision.ts';
import { fallbacksFor, firstToLoad, openPointer } from './fallbacks.ts';
import { LoadWatch } from './load-watch.ts';
import { installedFacts, lastTrialFacts, pointerFacts, servingFacts, trialFacts } from './model-facts.ts';
import { NextFrame } from './next-frame.ts';
import { Tryout, type TryoutEnd, type TryoutParts } from './tryout.ts';

export interface OnboardModelsParts extends TryoutParts {
  /** null: this daemon serves what it was given, and nothing can be flashed into it. */
  readonly store: ModelStore | null;
  /** Opens the bundle that came with SPECTA. */
  readonly shipped: () => Promise<Bundle>;
  readonly serving: ServingModel;
  readonly vision: SupervisedVision;
  /** Another bundle serves from the next frame on. */
  readonly onSwap: (bundle: Bundle) => void;
}

/** So often the model that serves is started again by itself before another one is looked for, and each so many times after. */
const MOST_ATTEMPTS = 5;

function stopped(): SpectaError {
  return new SpectaError('REQUEST_REFUSED', 'The daemon is stopping.', 'Ask again once it runs.');
}

/**
 * The models of the running daemon: which one serves, the one on trial, and the switch between two frames. One thing
 * after the other; the frame loop waits for none of it. What fails leaves the model that serves as it was.
 */
export class OnboardModels {
  /** Something that is told has changed. */
  readonly changes = new Emitter<void>();
  /** Whoever starts vision tells it of the loading. */
  readonly loads: LoadWatch;
  private readonly parts: OnboardModelsParts;
  private current: ServingModel;
  private slots: Slots = FIRST_SLOTS;
  private trialSignature: ServingModel['signature'] = 'untrusted';
  /** The bundle that is being tried out, from before its trial begins until after it is dealt with. */
  private tryout: Tryout | null = null;
  private readonly nextFrame: NextFrame;
  private readonly stopping = new AbortController();
  private work: Promise<void> = Promise.resolve();
  private hasSeen = false;

  constructor(parts: OnboardModelsParts) {
    this.parts = parts;
    this.current = parts.serving;
    this.loads = new LoadWatch(parts.store, parts.clock, parts.log);
    this.nextFrame = new NextFrame(parts.clock);
    parts.vision.changes.on((state) => {
      if (state.kind === 'recovering' && state.attempt % MOST_ATTEMPTS === 0) this.replace(state.reason);
    });
    this.warnOfUnsigned('serves', parts.serving);
    if (parts.store?.allowsUnsigned)
      parts.log.warn('model.allowUnsigned is set: models that NOBODY signed are taken. Never for a dive');
  }

  get serving(): ServingModel {
    return this.current;
  }

  /** As the `model` message and `status` tell it. */
  get facts(): ModelsOnBoard {
    const { slot, signature, passedOver = null } = this.current;
    return {
      slot,
      signature,
      passedOver,
      unsignedAllowed: this.parts.store?.allowsUnsigned ?? false,
      trial: trialFacts(this.slots, this.trialSignature, this.tryout?.trial ?? null),
      lastTrial: lastTrialFacts(this.slots),
    };
  }

  /** A frame was judged by the model that serves. Takes no time and never throws. */
  see(verdict: Verdict, frame: Frame): void {
    this.nextFrame.came();
    this.tryout?.see(verdict, frame);
    this.loads.judged(verdict.model.digest);
    if (this.hasSeen) return;
    this.hasSeen = true;
    this.look();
  }

  /** Looks at the slots, and begins the trial that waits there, once the model that serves has judged a frame. */
  look(): void {
    const { store, log } = this.parts;
    if (store === null || this.isStopped) return;
    void this.inTurn(async () => {
      await this.endOrphan(store);
      await this.know(await store.slots());
      const { trial } = this.slots;
      if (!this.isStopped && this.hasSeen && trial?.phase.kind === 'waiting')
        await this.tryOut(store, trial.bundle);
    }).catch((error: unknown) => {
      const { code, message } = asSpectaError(error);
      log.error({ code }, `the models on board could not be looked at: ${message}`);
    });
  }

  async list(): Promise<DataOf<'model/list'>> {
    const store = this.storeOrRefuse();
    // In a trial the slots change by this daemon's own doing: what is read meanwhile may be the older.
    if (this.tryout === null) await this.know(await store.slots());
    return { ...this.told(), bundles: (await store.list()).map(installedFacts) };
  }

  /** Puts a bundle that is on board on trial; it begins at once. */
  async activate(reference: string, allow: Allowances): Promise<DataOf<'model/activate'>> {
    const store = this.storeOrRefuse();
    await this.endOrphan(store);
    await this.know(await store.requestTrial(reference, allow));
    this.look();
    return this.told();
  }

  /** Ends the trial; without one brings back what served before, loaded and proved before it is switched to. */
  async rollback(): Promise<DataOf<'model/rollback'>> {
    const store = this.storeOrRefuse();
    if (this.tryout !== null) {
      this.tryout.end('ended by hand');
      await this.work;
      // It may have passed in this very moment; then it is to be gone back from.
      if (this.slots.lastTrial?.confirmed !== true) return this.told();
    }
    await this.inTurn(() => this.goBack(store));
    return this.told();
  }

  /** Ends what is under way; a trial that was begun ends at the next start. Idempotent. */
  async stop(): Promise<void> {
    this.stopping.abort(stopped());
    this.loads.survived();
    this.tryout?.end('SPECTA was stopped');
    this.nextFrame.close();
    await this.work;
    await this.loads.settled();
  }

  /** What can serve when the model that is to does not load: the one before, then the one that came with SPECTA. */
  async fallbacks(): Promise<ServingModel[]> {
    const { store, shipped, log } = this.parts;
    if (store === null || this.current.signature === 'shipped') return [];
    return fallbacksFor(this.current, { store, shipped, log });
  }

  /** Vision is about to be started with this one. */
  serveInstead(serving: ServingModel): void {
    this.current = serving;
    this.parts.onSwap(serving.bundle);
    this.changes.emit();
  }

  private get isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private told(): DataOf<'model/rollback'> {
    const { current, previous } = this.slots;
    return {
      serving: servingFacts(this.current, this.facts),
      current: pointerFacts(current),
      previous: previous && pointerFacts(previous),
    };
  }

  private storeOrRefuse(): ModelStore {
    const { store } = this.parts;
    if (store !== null && !this.isStopped) return store;
    if (this.isStopped) throw stopped();
    throw new SpectaError(
      'REQUEST_REFUSED',
      'This daemon serves the model it was started with.',
      'Ask a daemon that was started by specta run.',
    );
  }

  private inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.work.then(act);
    // Whoever asked hears of what fails; the next one begins all the same.
    this.work = done.catch(() => undefined);
    return done;
  }

  private async know(slots: Slots): Promise<void> {
    const { store, log } = this.parts;
    if (
      store !== null &&
      slots.trial !== null &&
      slots.trial.bundle.digest !== this.slots.trial?.bundle.digest
    )
      this.trialSignature = await signatureOf(store, slots.trial.bundle, log);
    this.slots = slots;
    this.changes.emit();
  }

  private async tryOut(store: ModelStore, id: BundleId): Promise<void> {
    const { boot, log } = this.parts;
    const tryout = new Tryout(this.parts);
    this.tryout = tryout;
    tryout.changes.on(() => this.changes.emit());
    try {
      // On disk before anything of it is loaded: should it take the daemon down, the next start knows.
      await this.know(await store.beginTrial(boot));
      log.warn({ ...id, signature: this.trialSignature }, 'a trial begins');
      if (this.trialSignature === 'unsigned') log.warn({ ...id }, 'the model on trial is signed by NOBODY');
      await this.settle(store, id, await tryout.run(store.shelf, id));
    } finally {
      this.tryout = null;
    }
  }

  /** Lets a bundle serve that has passed, or gives it up. Stopped, it is left to the next start. */
  private async settle(store: ModelStore, id: BundleId, end: TryoutEnd): Promise<void> {
    if (end.kind === 'failed') {
      if (!this.isStopped) await this.giveUp(store, id, end.reason);
      return;
    }
    const { bundle, vision } = end;
    let confirmed = this.slots;
    try {
      // First on disk: the next start serves what serves now. It is told once it does.
      if (!this.isStopped) confirmed = await store.confirmTrial(this.parts.boot);
    } catch (error) {
      await vision.close();
      await this.giveUp(store, id, asSpectaError(error).message);
      return;
    }
    if (this.isStopped) await vision.close();
    else await this.swap(vision, { bundle, slot: 'current', signature: this.trialSignature }, confirmed);
  }

  /** The model that serves does not come back: the next one that loads takes its place, as at a start. */
  private replace(reason: string): void {
    const { log, engine, vision } = this.parts;
    const { loads } = this;
    const { signal } = this.stopping;
    this.tryout?.end('the model that serves has failed');
    void this.inTurn(async () => {
      if (this.isStopped || vision.state.kind !== 'recovering') return;
      const { name, version } = this.current.bundle.manifest;
      const passedOver = { name, version, digest: this.current.bundle.digest, reason };
      const found = await firstToLoad(await this.fallbacks(), { engine, loads, log, signal });
      if (found === null) return;
      // It may have come back meanwhile.
      if (this.isStopped || vision.state.kind !== 'recovering') await found.vision.close();
      else await this.swap(found.vision, { ...found.serving, passedOver }, null);
    }).catch((error: unknown) => {
      const { code, message } = asSpectaError(error);
      log.error({ code }, `no model could take the place of the one that failed: ${message}`);
    });
  }

  /** Ends a trial that this boot has begun on disk and nobody carries out: a disk that failed left it there. */
  private async endOrphan(store: ModelStore): Promise<void> {
    const { trial } = await store.slots();
    const isOurs = trial?.phase.kind === 'begun' && trial.phase.boot === this.parts.boot;
    if (isOurs && this.tryout === null && !this.isStopped)
      await this.giveUp(store, trial.bundle, 'the disk failed when it began or ended');
  }

  private async giveUp(store: ModelStore, id: BundleId, reason: string): Promise<void> {
    const { boot, log } = this.parts;
    const { name, version } = this.current.bundle.manifest;
    log.warn({ ...id, reason, serves: `${name}@${version}` }, 'the trial failed; what serves goes on');
    try {
      await this.know(await store.endTrial(reason, boot));
    } catch (error) {
      const { code, message } = asSpectaError(error);
      log.error({ code }, `the end of the trial could not be written, the next start ends it: ${message}`);
      const lastTrial = { bundle: id, confirmed: false, reason, utcMs: this.parts.clock.now().utcMs };
      await this.know({ ...this.slots, trial: null, lastTrial });
    }
  }

  private async goBack(store: ModelStore): Promise<void> {
    this.stopping.signal.throwIfAborted();
    const slots = await store.slots();
    if (slots.trial !== null || slots.previous === null) {
      await this.know(await store.rollback());
      return;
    }
    const { log, engine, shipped } = this.parts;
    const serving = await openPointer(slots.previous, { store, shipped, log });
    const { signal } = this.stopping;
    const vision = await startVision({ ...engine, bundle: serving.bundle, log, signal });
    let gone: Slots;
    try {
      gone = await store.rollback();
    } catch (error) {
      await vision.close();
      throw error;
    }
    await this.swap(vision, serving, gone);
  }

  /**
   * Switches between two frames; comes back when the model before is closed.
   *
   * @param slots as they are on disk by now: told with the switch, so that nobody sees a trial over and the old one serve;
   *   null: unchanged
   */
  private async swap(vision: Vision, serving: ServingModel, slots: Slots | null): Promise<void> {
    const { log, onSwap } = this.parts;
    const { name, version } = serving.bundle.manifest;
    const switched = Promise.withResolvers<void>();
    this.nextFrame.behind(() => {
      this.current = serving;
      if (slots !== null) this.slots = slots;
      onSwap(serving.bundle);
      const closed = this.parts.vision.adopt(vision, serving.bundle);
      this.warnOfUnsigned('serves now', serving);
      log.warn({ name, version, digest: serving.bundle.digest }, 'another model serves');
      this.changes.emit();
      switched.resolve(closed);
    });
    await switched.promise;
  }

  private warnOfUnsigned(what: string, { bundle, signature }: ServingModel): void {
    if (signature !== 'unsigned') return;
    const { name, version } = bundle.manifest;
    this.parts.log.warn(
      { name, version },
      `a model ${what} that NOBODY signed: for development, never for a dive`,
    );
  }
}
