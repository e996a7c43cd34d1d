import type { Clock } from '../platform/clock.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { PositionSource, PositionSourceState, Sighting } from './position-source.ts';
import { SourceCore } from './source-core.ts';

/** A source that listens, and tries again with growing pauses whenever that ends. */
export abstract class KeptSource implements PositionSource {
  readonly name: string;
  protected readonly core: SourceCore;
  protected readonly signal: AbortSignal;
  private readonly clock: Clock;
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.clock = clock;
    this.core = new SourceCore(clock);
    this.signal = this.stopping.signal;
  }

  get state(): PositionSourceState {
    return this.core.state;
  }

  get dropped() {
    return this.core.dropped;
  }

  onSighting(listener: (sighting: Sighting) => void): () => void {
    return this.core.sightings.on(listener);
  }

  onState(listener: (state: PositionSourceState) => void): () => void {
    return this.core.states.on(listener);
  }

  start(): void {
    if (this.signal.aborted) return;
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    this.core.become({ kind: 'stopped' });
  }

  /**
   * Listens and passes on what is heard; never rejects. Resolves with why it ended, null when {@link signal} ended it.
   *
   * @param listening to be called when it listens
   */
  protected abstract listenUntilLost(listening: () => void): Promise<string | null>;

  /** Resolves with the reason that `listen` gives to `lost`, or with null once the source is stopped. */
  protected untilLost(listen: (lost: (reason: string) => void) => void): Promise<string | null> {
    return new Promise((resolve) => {
      const onStop = (): void => resolve(null);
      if (this.signal.aborted) {
        onStop();
        return;
      }
      this.signal.addEventListener('abort', onStop, { once: true });
      listen((reason) => {
        // Each try would leave one behind, for as long as the source lives.
        this.signal.removeEventListener('abort', onStop);
        resolve(reason);
      });
    });
  }

  private async run(): Promise<void> {
    const pause = new GrowingPause(1_000, 30_000);
    this.core.become({ kind: 'starting' });
    while (!this.signal.aborted) {
      const reason = await this.listenUntilLost(() => {
        pause.reset();
        this.core.become({ kind: 'listening' });
      });
      if (reason === null || this.signal.aborted) return;
      this.core.become({ kind: 'recovering', reason });
      await this.clock.sleep(pause.take(), this.signal).catch(() => {
        // Only the stop ends a pause early; the loop sees it.
      });
    }
  }
}
