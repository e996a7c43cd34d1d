import { createSocket, type Socket } from 'node:dgram';
import type { Clock } from '../platform/clock.ts';
import { asSpectaError, systemCode } from '../platform/errors.ts';
import { KeptSource } from './kept-source.ts';
import type { DatagramReader } from './mavlink-datagram.ts';

export interface UdpSourceOptions {
  readonly name: string;
  /** Address of this machine to listen on. */
  readonly host: string;
  readonly port: number;
  /** Makes what reads the datagrams, anew for each try. */
  readonly reader: () => Promise<DatagramReader>;
  readonly clock: Clock;
}

/** Listens for datagrams that tell the position. A port that cannot be had is tried again with growing pauses. */
export class UdpSource extends KeptSource {
  private readonly options: UdpSourceOptions;

  constructor(options: UdpSourceOptions) {
    super(options.name, options.clock);
    this.options = options;
  }

  protected async listenUntilLost(listening: () => void): Promise<string | null> {
    const { host, port, reader } = this.options;
    let socket: Socket | null = null;
    try {
      const read = await reader();
      if (this.signal.aborted) return null;
      const opened = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      socket = opened;
      opened.on('message', (datagram) => {
        for (const heard of read(datagram)) this.core.hear(heard);
      });
      return await this.untilLost((lost) => {
        opened.on('error', (error) => lost(this.failure(error)));
        opened.bind(port, host, listening);
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
