import type { Frame } from '../../domain/frame.ts';
import type { Bundle } from '../../domain/manifest.ts';
import type { Verdict } from '../../domain/verdict.ts';
import type { BundleId } from '../../model/admission.ts';
import type { BundleShelf } from '../../model/bundle-shelf.ts';
import type { Clock } from '../../platform/clock.ts';
import { Emitter } from '../../platform/emitter.ts';
import { asSpectaError } from '../../platform/errors.ts';
import type { FileSystem } from '../../platform/files.ts';
import type { Logger } from '../../platform/log.ts';
import type { EngineChoice } from '../../vision/engine/engine.ts';
import { proveInChild } from '../../vision/prove-in-child.ts';
import { startVision, type Vision } from '../../vision/vision.ts';
import { TrialRecord } from './trial-record.ts';
import { type TrialParts, TrialUnderWay } from './trial-under-way.ts';

export interface TryoutParts {
  /** This boot's id. */
  readonly boot: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly fs: FileSystem;
  readonly engine: EngineChoice & { readonly lanes?: number };
  readonly trial: Pick<TrialParts, 'rules' | 'limits' | 'everyNth'>;
  /** Where the records of trials go. */
  readonly recordFolder: string;
}

/** What came of it: the model, loaded and proved, or why it is not to serve. */
export type TryoutEnd =
  | { readonly kind: 'passed'; readonly bundle: Bundle; readonly vision: Vision }
  | { readonly kind: 'failed'; readonly reason: string };

/** A trial's progress is told at most this often, ms. */
const TELL_EVERY_MS = 1_000;

/** One bundle that is tried out in the running daemon. It can be ended from its first moment on. */
export class Tryout {
  /** Something that is told of its trial has changed. */
  readonly changes = new Emitter<void>();
  private readonly parts: TryoutParts;
  private underWay: TrialUnderWay | null = null;
  /** Why it is to end; null while nobody has said so. */
  private reason: string | null = null;

  constructor(parts: TryoutParts) {
    this.parts = parts;
  }

  /** null while the bundle is still being read. */
  get trial(): TrialUnderWay | null {
    return this.underWay;
  }

  /** Verifies the bundle whole, then puts it on trial, to its end. Once; never rejects. */
  async run(shelf: BundleShelf, id: BundleId): Promise<TryoutEnd> {
    try {
      const bundle = await shelf.open(id);
      const trial = this.begin(bundle);
      const vision = await trial.run();
      if (vision !== null) return { kind: 'passed', bundle, vision };
      return { kind: 'failed', reason: trial.failure ?? 'it did not pass' };
    } catch (error) {
      return { kind: 'failed', reason: asSpectaError(error).message };
    }
  }

  /** As {@link TrialUnderWay.see}. */
  see(verdict: Verdict, frame: Frame): void {
    this.underWay?.see(verdict, frame);
  }

  /** It cannot go on. Idempotent; once it is over it changes nothing. */
  end(reason: string): void {
    this.reason ??= reason;
    this.underWay?.end(reason);
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
    let toldMs = clock.now().monoMs;
    trial.changes.on((state) => {
      const nowMs = clock.now().monoMs;
      if (state.kind === kind && nowMs - toldMs < TELL_EVERY_MS) return;
      kind = state.kind;
      toldMs = nowMs;
      this.changes.emit();
    });
    this.underWay = trial;
    if (this.reason !== null) trial.end(this.reason);
    this.changes.emit();
    return trial;
  }
}
