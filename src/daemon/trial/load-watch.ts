import type { ModelStore } from '../../model/model-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { asSpectaError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { ServingModel } from '../model-to-serve.ts';

/** A model that is loaded and has not taken the process down for so long will not, ms. */
const LIVED_MS = 60_000;

/**
 * Watches over the loading of the model that serves: counted on disk before it begins, taken back once it was survived.
 * What takes the whole process down stays counted, so that the next start knows. What came with SPECTA is not counted:
 * there is none to serve instead. No call rejects: a disk that fails must not keep the vehicle from having a model.
 */
export class LoadWatch {
  private readonly store: ModelStore | null;
  private readonly clock: Clock;
  private readonly log: Logger;
  /** Digest of the model whose loading is counted and not yet survived. */
  private counted: string | null = null;
  private cancelLived: () => void = () => undefined;
  private writing: Promise<void> = Promise.resolve();

  /** @param store null: nothing was flashed, nothing is counted */
  constructor(store: ModelStore | null, clock: Clock, log: Logger) {
    this.store = store;
    this.clock = clock;
    this.log = log;
  }

  /** This one is about to be loaded; on disk when it resolves. */
  async begin({ bundle, signature }: ServingModel): Promise<void> {
    const store = this.store;
    if (store === null || signature === 'shipped') return;
    this.counted = bundle.digest;
    await this.write(() => store.loads.begin(bundle.digest), 'the loading of the model could not be counted');
  }

  /** It is loaded. However long that took, the minute of its life begins now: without a camera there is no verdict. */
  loaded(): void {
    if (this.counted !== null) this.cancelLived = this.clock.after(LIVED_MS, () => this.survived());
  }

  /** The model of this digest has judged a frame. */
  judged(digest: string): void {
    if (digest === this.counted) this.survived();
  }

  /** It has not taken the process down: it judged a frame, failed in order, was stopped in order, or time has passed. */
  survived(): void {
    const store = this.store;
    const counted = this.counted;
    this.cancelLived();
    this.counted = null;
    if (store === null || counted === null) return;
    void this.write(() => store.loads.forget(counted), 'it could not be written that the model was loaded');
  }

  /** Resolves once everything is on disk, or has failed. */
  settled(): Promise<void> {
    return this.writing;
  }

  /** One after the other: each write begins with what stands there. */
  private write(work: () => Promise<void>, complaint: string): Promise<void> {
    this.writing = this.writing.then(work).catch((error: unknown) => {
      const { code, message } = asSpectaError(error);
      this.log.error({ code }, `${complaint}: ${message}`);
    });
    return this.writing;
  }
}
