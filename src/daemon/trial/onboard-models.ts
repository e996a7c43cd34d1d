import type { Frame } from '../../domain/frame.ts';
import type { Bundle } from '../../domain/manifest.ts';
import type { Verdict } from '../../domain/verdict.ts';
import type { Allowances, BundleId } from '../../model/admission.ts';
import type { ModelStore } from '../../model/model-store.ts';
import { FIRST_SLOTS, type Slots } from '../../model/slots.ts';
import type { Clock } from '../../platform/clock.ts';
import { Emitter } from '../../platform/emitter.ts';
import { asSpectaError, SpectaError } from '../../platform/errors.ts';
import type { FileSystem } from '../../platform/files.ts';
import type { Logger } from '../../platform/log.ts';
import type { ModelsOnBoard } from '../../surface/messages/model.ts';
import type { DataOf } from '../../surface/messages/request.ts';
import type { EngineChoice } from '../../vision/engine/engine.ts';
import { proveInChild } from '../../vision/prove-in-child.ts';
import { startVision, type Vision } from '../../vision/vision.ts';
import { type ServingModel, signatureOf } from '../model-to-serve.ts';
import type { SupervisedVision } from '../supervised-vision.ts';
import { fallbacksFor, openPointer } from './fallbacks.ts';
import { installedFacts, lastTrialFacts, pointerFacts, servingFacts, trialFacts } from './model-facts.ts';
import { TrialRecord } from './trial-record.ts';
import { type TrialParts, TrialUnderWay } from './trial-under-way.ts';

export interface OnboardModelsParts {
  /** null: this daemon serves what it was given, and nothing can be flashed into it. */
  readonly store: ModelStore | null;
  /** Opens the bundle that came with SPECTA. */
  readonly shipped: () => Promise<Bundle>;
  readonly serving: ServingModel;
  /** This boot's id. */
  readonly boot: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly fs: FileSystem;
  readonly engine: EngineChoice & { readonly lanes?: number };
  readonly trial: Pick<TrialParts, 'rules' | 'limits' | 'everyNth'>;
  /** Where the records of trials go. */
  readonly recordFolder: string;
  readonly vision: SupervisedVision;
  /** Another bundle serves from the next frame on. */
  readonly onSwap: (bundle: Bundle) => void;
}

/** A trial's progress is told at most this often, ms. */
const TELL_EVERY_MS = 1_000;
/** A model that was loaded and has not taken the process down for so long will not, ms. */
const LIVED_MS = 60_000;
/** Without frames there is no "between two frames" to wait for, ms. */
const NEXT_FRAME_MS = 1_000;

/**
 * The models of the running daemon: which one serves, the one on trial, and the switch between two frames. One thing
 * after the other; the frame loop waits for none of it. What fails leaves the model that serves as it was.
 */
export class OnboardModels {
  /** Something that is told has changed. */
  readonly changes = new Emitter<void>();
  private readonly parts: OnboardModelsParts;
  private current: ServingModel;
  private slots: Slots = FIRST_SLOTS;
  private trialSignature: ServingModel['signature'] = 'untrusted';
  private trial: TrialUnderWay | null = null;
  private work: Promise<void> = Promise.resolve();
  private atNextFrame: (() => void) | null = null;
  private hasSeen = false;
  private isStopped = false;
  private toldMs = Number.NEGATIVE_INFINITY;
  /** Digest of the model whose loading is counted on disk and not yet survived. */
  private beingLoaded: string | null = null;
  private cancelLived: () => void = () => undefined;
  private forgetting: Promise<void> = Promise.resolve();

  constructor(parts: OnboardModelsParts) {
    this.parts = parts;
    this.current = parts.serving;
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
      trial: trialFacts(this.slots, this.trialSignature, this.trial),
      lastTrial: lastTrialFacts(this.slots),
    };
  }

  /** A frame was judged by the model that serves, and none is in flight. Takes no time and never throws. */
  see(verdict: Verdict, frame: Frame): void {
    this.atNextFrame?.();
    this.trial?.see(verdict, frame);
    if (verdict.model.digest === this.beingLoaded) this.survived();
    if (this.hasSeen) return;
    this.hasSeen = true;
    this.look();
  }

  /** Looks at the slots, and begins the trial that waits there, once the model that serves has judged a frame. */
  look(): void {
    const { store, log } = this.parts;
    if (store === null || this.isStopped) return;
    void this.inTurn(async () => {
      await this.know(await store.slots());
      const { trial } = this.slots;
      if (this.hasSeen && trial?.phase.kind === 'waiting') await this.tryOut(store, trial.bundle);
    }).catch((error: unknown) => {
      const { code, message } = asSpectaError(error);
      log.error({ code }, `the models on board could not be looked at: ${message}`);
    });
  }

  async list(): Promise<DataOf<'model/list'>> {
    const store = this.storeOrRefuse();
    await this.know(await store.slots());
    return { ...this.told(), bundles: (await store.list()).map(installedFacts) };
  }

  /** Puts a bundle that is on board on trial; it begins at once. */
  async activate(reference: string, allow: Allowances): Promise<DataOf<'model/activate'>> {
    await this.know(await this.storeOrRefuse().requestTrial(reference, allow));
    this.look();
    return this.told();
  }

  /** Ends the trial; without one brings back what served before, loaded and proved before it is switched to. */
  async rollback(): Promise<DataOf<'model/rollback'>> {
    const store = this.storeOrRefuse();
    const { trial } = this;
    if (trial !== null) {
      trial.end('ended by hand');
      await this.work;
      // It may have passed in this very moment; then it is to be gone back from.
      if (trial.failure !== null) return this.told();
    }
    await this.inTurn(() => this.goBack(store));
    return this.told();
  }

  /**
   * This one is about to be loaded. On disk before it is: should it take the process down, the next start knows. What
   * came with SPECTA is not counted: there is none to serve instead.
   */
  async loading({ bundle, signature }: ServingModel): Promise<void> {
    const { store, log, clock } = this.parts;
    if (store === null || signature === 'shipped') return;
    await this.forgetting;
    this.beingLoaded = bundle.digest;
    // A disk that fails must not keep the vehicle from having a model.
    await store.loads.begin(bundle.digest).catch((error: unknown) => {
      const { code, message } = asSpectaError(error);
      log.error({ code }, `the loading of the model could not be counted: ${message}`);
    });
    // Without a camera there is no verdict.
    this.cancelLived = clock.after(LIVED_MS, () => this.survived());
  }

  /** What was being loaded has not taken the process down: it judged a frame, failed in order, or time has passed. */
  survived(): void {
    const { store, log } = this.parts;
    const digest = this.beingLoaded;
    this.cancelLived();
    this.beingLoaded = null;
    if (store === null || digest === null) return;
    this.forgetting = store.loads.forget(digest).catch((error: unknown) => {
      const { code, message } = asSpectaError(error);
      log.error({ code }, `it could not be written that the model was loaded: ${message}`);
    });
  }

  /** Ends what is under way; a trial that was begun ends at the next start. Idempotent. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.survived();
    this.trial?.end('SPECTA was stopped');
    this.atNextFrame?.();
    await this.work;
    await this.forgetting;
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
    this.tell();
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
    throw new SpectaError(
      'REQUEST_REFUSED',
      this.isStopped ? 'The daemon is stopping.' : 'This daemon serves the model it was started with.',
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
    this.tell();
  }

  private tell(): void {
    this.toldMs = this.parts.clock.now().monoMs;
    this.changes.emit();
  }

  private async tryOut(store: ModelStore, id: BundleId): Promise<void> {
    const { boot, log } = this.parts;
    // On disk before anything of it is loaded: should it take the daemon down, the next start knows.
    await this.know(await store.beginTrial(boot));
    log.warn({ ...id, signature: this.trialSignature }, 'a trial begins');
    if (this.trialSignature === 'unsigned') log.warn({ ...id }, 'the model on trial is signed by NOBODY');
    let passed: { readonly bundle: Bundle; readonly vision: Vision } | null = null;
    let reason = 'SPECTA was stopped';
    try {
      const bundle = await store.shelf.open(id);
      const trial = this.begin(bundle);
      const vision = await trial.run();
      if (vision !== null) passed = { bundle, vision };
      reason = trial.failure ?? reason;
      // First on disk: the next start serves what serves now. It is told once it does.
      if (vision !== null && !this.isStopped) this.slots = await store.confirmTrial(boot);
    } catch (error) {
      await passed?.vision.close();
      passed = null;
      reason = asSpectaError(error).message;
    }
    if (this.isStopped) {
      await passed?.vision.close();
    } else if (passed !== null) {
      const serving = { bundle: passed.bundle, slot: 'current', signature: this.trialSignature } as const;
      this.trial = null;
      await this.swap(passed.vision, serving);
    } else {
      this.trial = null;
      await this.giveUp(store, id, reason);
    }
  }

  private begin(bundle: Bundle): TrialUnderWay {
    const { boot, clock, log, fs, engine, trial: options, recordFolder } = this.parts;
    const time = new Date(clock.now().utcMs).toISOString().replace(/[-:]|\.\d+/g, '');
    const { name, version } = bundle.manifest;
    const record = TrialRecord.begin(recordFolder, `${time}-${name}-${version}-${boot.slice(0, 8)}`, fs, log);
    const trial = new TrialUnderWay({
      ...options,
      bundle,
      clock,
      log,
      record,
      prove: (signal) => proveInChild(bundle, engine, { signal }),
      load: (signal) => startVision({ ...engine, bundle, log, signal }),
    });
    let kind = trial.state.kind;
    trial.changes.on((state) => {
      const isNews = state.kind !== kind || clock.now().monoMs - this.toldMs >= TELL_EVERY_MS;
      kind = state.kind;
      if (isNews) this.tell();
    });
    this.trial = trial;
    if (this.isStopped) trial.end('SPECTA was stopped');
    this.tell();
    return trial;
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
    const slots = await store.slots();
    if (slots.trial !== null || slots.previous === null) {
      await this.know(await store.rollback());
      return;
    }
    const { log, engine, shipped } = this.parts;
    const serving = await openPointer(slots.previous, { store, shipped, log });
    const vision = await startVision({ ...engine, bundle: serving.bundle, log });
    try {
      this.slots = await store.rollback();
    } catch (error) {
      await vision.close();
      throw error;
    }
    await this.swap(vision, serving);
  }

  /** Switches where no frame is in flight; comes back when the model before is closed. */
  private async swap(vision: Vision, serving: ServingModel): Promise<void> {
    const { clock, log, onSwap } = this.parts;
    const { name, version } = serving.bundle.manifest;
    const switched = Promise.withResolvers<void>();
    const act = (): void => {
      cancel();
      this.atNextFrame = null;
      this.current = serving;
      onSwap(serving.bundle);
      const closed = this.parts.vision.adopt(vision, serving.bundle);
      this.warnOfUnsigned('serves now', serving);
      log.warn({ name, version, digest: serving.bundle.digest }, 'another model serves');
      this.tell();
      switched.resolve(closed);
    };
    const cancel = clock.after(NEXT_FRAME_MS, act);
    this.atNextFrame = act;
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
