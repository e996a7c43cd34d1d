import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../fixtures/mosquitto.ts';

/**
 * What a network does to bytes. `latency`: each chunk comes so much later. `black-hole`: connections are taken and stay,
 * nothing passes. `torn`: so many bytes towards the broker pass, then both ends are reset, wherever that is in a packet.
 * `trickle`: so many bytes a second each way. `flapping`: every connection is reset after so long. `closed`: nobody
 * listens.
 */
export type Weather =
  | { readonly kind: 'fair' }
  | { readonly kind: 'latency'; readonly ms: number }
  | { readonly kind: 'black-hole' }
  | { readonly kind: 'torn'; readonly afterBytes: number }
  | { readonly kind: 'trickle'; readonly bytesPerSecond: number }
  | { readonly kind: 'flapping'; readonly everyMs: number }
  | { readonly kind: 'closed' };

/** How often bytes pass under `trickle`, ms. */
const DRIP_MS = 20;

/** A TCP way to a broker whose weather changes; bytes keep their order, none is made up. */
export class HostileWay {
  readonly port: number;
  /** Connections that it reset. */
  cuts = 0;
  private readonly target: number;
  private weather: Weather = { kind: 'fair' };
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();

  private constructor(port: number, target: number) {
    this.port = port;
    this.target = target;
  }

  static async to(target: number): Promise<HostileWay> {
    const way = new HostileWay(await freePort(), target);
    await way.become({ kind: 'fair' });
    return way;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Changes the weather, also for connections that are up. */
  async become(weather: Weather): Promise<void> {
    this.weather = weather;
    if (weather.kind === 'closed') {
      const { server } = this;
      this.server = null;
      this.reset();
      if (server) await new Promise((resolve) => server.close(resolve));
    } else if (this.server === null) {
      const server = createServer((near) => this.lead(near));
      this.server = server;
      await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    }
  }

  /** Resets every connection. */
  reset(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
    this.cuts += this.sockets.size / 2;
    this.sockets.clear();
  }

  async end(): Promise<void> {
    await this.become({ kind: 'closed' });
  }

  private lead(near: Socket): void {
    const far = connect(this.target, '127.0.0.1');
    const end = (): void => {
      near.destroy();
      far.destroy();
      this.sockets.delete(near);
      this.sockets.delete(far);
    };
    for (const socket of [near, far]) {
      this.sockets.add(socket);
      socket.on('error', end).on('close', end);
    }
    const { weather } = this;
    if (weather.kind === 'flapping') {
      const timer = setTimeout(() => this.cut(near, far), weather.everyMs);
      near.once('close', () => clearTimeout(timer));
    }
    let up = 0;
    void this.pass(near, far, (chunk) => {
      const { weather: now } = this;
      if (now.kind !== 'torn') return chunk;
      const room = now.afterBytes - up;
      up += chunk.length;
      return up > now.afterBytes ? chunk.subarray(0, Math.max(0, room)) : chunk;
    });
    void this.pass(far, near, (chunk) => chunk);
  }

  /** Passes bytes on in order; a chunk that comes back shorter is the last. */
  private async pass(from: Socket, to: Socket, tear: (chunk: Buffer) => Buffer): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        while (this.weather.kind === 'black-hole' && !from.destroyed) await sleep(5);
        if (this.weather.kind === 'latency') await sleep(this.weather.ms);
        const left = tear(chunk);
        await this.write(to, left);
        if (left.length < chunk.length) {
          // What was written must be on its way before the reset throws away what was not.
          await sleep(10);
          this.cut(from, to);
          return;
        }
      }
      to.end();
    } catch {
      // The connection has ended, by this way or by one of its ends.
      to.destroy();
    }
  }

  private async write(to: Socket, chunk: Buffer): Promise<void> {
    const { weather } = this;
    if (weather.kind !== 'trickle') {
      to.write(chunk);
      return;
    }
    const drop = Math.max(1, Math.round((weather.bytesPerSecond * DRIP_MS) / 1000));
    for (let at = 0; at < chunk.length && !to.destroyed; at += drop) {
      to.write(chunk.subarray(at, at + drop));
      await sleep(DRIP_MS);
    }
  }

  private cut(one: Socket, other: Socket): void {
    if (one.destroyed && other.destroyed) return;
    this.cuts += 1;
    one.resetAndDestroy();
    other.resetAndDestroy();
  }
}
