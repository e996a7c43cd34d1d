import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '../platform/clock.ts';
import { asSpectaError, systemCode } from '../platform/errors.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { DatagramReader } from './mavlink-datagram.ts';
import type { PositionSource, PositionSourceState, Sighting } from './position-source.ts';
import { SourceCore } from './source-core.ts';

export interface UdpSourceOptions {
  readonly name: string;
  /** Address of this machine to listen on. */
  readonly host: string;
  readonly port: number;
  /** Makes what reads the datagrams, once, at the start. */
  readonly reader: () => Promise<DatagramReader>;
  readonly clock: Clock;
}

/** Listens for datagrams that tell the position. A port that cannot be had is tried again with growing pauses. */
export class UdpSource implements PositionSource {
  readonly name: string;
  private readonly options: UdpSourceOptions;
  private readonly core: SourceCore;
  private readonly stopping = new AbortController();
  private running: Promise<void> | null = null;

  constructor(options: UdpSourceOptions) {
    this.name = options.name;
    this.options = options;
    this.core = new SourceCore(options.clock);
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
    if (this.stopping.signal.aborted) return;
    this.running ??= this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    this.core.become({ kind: 'stopped' });
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const pause = new GrowingPause(1_000, 30_000);
    this.core.become({ kind: 'starting' });
    while (!signal.aborted) {
      const reason = await this.listenUntilLost(() => pause.reset());
      if (reason === null || signal.aborted) return;
      this.core.become({ kind: 'recovering', reason });
      await this.options.clock.sleep(pause.take(), signal).catch(() => {
        // Only the stop ends a pause early; the loop sees it.
      });
    }
  }

  /** Resolves with why listening ended; null when it was stopped. */
  private async listenUntilLost(listening: () => void): Promise<string | null> {
    const { host, port, reader } = this.options;
    const { signal } = this.stopping;
    let socket: Socket | null = null;
    try {
      const read = await reader();
      if (signal.aborted) return null;
      const opened = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      socket = opened;
      opened.on('message', (datagram) => {
        for (const heard of read(datagram)) this.core.hear(heard);
      });
      return await new Promise<string | null>((resolve) => {
        signal.addEventListener('abort', () => resolve(null), { once: true });
        opened.once('error', (error) => resolve(this.failure(error)));
        opened.bind(port, host, () => {
          listening();
          this.core.become({ kind: 'listening' });
        });
      });
    } catch (error) {
      return this.failure(error);
    } finally {
      const open = socket;
      if (open !== null) await new Promise<void>((resolve) => open.close(() => resolve()));
    }
  }

  private failure(error: unknown): string {
    const { host, port } = this.options;
    const why = systemCode(error) ?? asSpectaError(error).message;
    return `cannot listen on ${host}:${port} (${why})`;
  }
}
