import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { SpectaError, systemCode } from '../platform/errors.ts';

/** A broker in this process, for `npm start` and fast tests. It speaks MQTT 3.1.1 and keeps everything in memory. */
export interface LocalBroker {
  readonly host: string;
  /** The port it really listens on. */
  readonly port: number;
  readonly url: string;
  /** Clients connected now. */
  readonly clients: number;
  /** Ends all connections and frees the port; idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a broker on `port`, or on a free one when that is taken (0: always a free one).
 * Throws `PORT_IN_USE` when neither can be had.
 */
export async function startLocalBroker(where: {
  readonly host: string;
  readonly port: number;
}): Promise<LocalBroker> {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  try {
    await listen(server, where.host, where.port).catch((error: unknown) => {
      if (systemCode(error) !== 'EADDRINUSE' || where.port === 0) throw error;
      return listen(server, where.host, 0);
    });
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    throw new SpectaError(
      'PORT_IN_USE',
      `The local broker cannot listen on ${where.host}:${where.port} (${systemCode(error) ?? 'unknown'}).`,
      'Choose another port above 1023 and an address of this machine.',
      error,
    );
  }
  const { port } = server.address() as AddressInfo;
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    })();
    return stopping;
  };
  return {
    host: where.host,
    port,
    url: `mqtt://${where.host.includes(':') ? `[${where.host}]` : where.host}:${port}`,
    get clients() {
      return aedes.connectedClients;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
