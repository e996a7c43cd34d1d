import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';

/** Where the page is served, and to whom. */
export interface Door {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Asked of whoever opens the page; null: nobody is asked. */
  readonly password: string | null;
  /** PEM; null: plain HTTP. */
  readonly tls: { readonly certificate: Buffer; readonly key: Buffer } | null;
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Reads `HOST:PORT`, `[::1]:PORT` or `PORT`. Throws `USAGE`. */
export function listenAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]]+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new SpectaError(
      'USAGE',
      `${text} is no address to listen on.`,
      'Give it as HOST:PORT, such as 127.0.0.1:8080.',
    );
  }
  return { host: (match[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port };
}

/** Refuses to be open to the network without a password and TLS: throws `CONFIG_INVALID`. */
export function checkDoor({ host, password, tls }: Door): void {
  if (isLoopback(host) || (password !== null && tls !== null)) return;
  throw new SpectaError(
    'CONFIG_INVALID',
    `The console would be open to the network at ${host} without ${password === null ? 'a password' : 'TLS'}.`,
    'Give --password-file, --tls-cert and --tls-key, or listen on 127.0.0.1.',
  );
}

/** Why somebody is not let in, as an HTTP status. */
export type Refusal = 401 | 403 | 421 | 429;

const MOST_FAILURES = 10;
const FAILURES_FORGOTTEN_MS = 60_000;

/** Who may open the page. */
export class Access {
  private readonly door: Door;
  private readonly clock: Clock;
  private readonly digest: Buffer | null;
  private failures: number[] = [];
  /** What has opened the door before; all of it is right, so that there is not more of it than people. */
  private readonly known = new Set<string>();

  constructor(door: Door, clock: Clock) {
    this.door = door;
    this.clock = clock;
    this.digest = door.password === null ? null : sha256(door.password);
  }

  /** null: let in. */
  refuse(request: IncomingMessage): Refusal | null {
    const { host, origin, authorization } = request.headers;
    // A page of the internet that points its own name at this machine must not read this one.
    if (isLoopback(this.door.host) && !isLoopback(hostName(host))) return 421;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const own = `${this.door.tls === null ? 'http' : 'https'}://${host}`;
      if (origin !== own || request.headers['x-specta'] !== 'console') return 403;
    }
    return this.digest === null ? null : this.refuseStranger(this.digest, authorization);
  }

  private refuseStranger(digest: Buffer, authorization: string | undefined): Refusal | null {
    const now = this.clock.now().monoMs;
    this.failures = this.failures.filter((at) => now - at < FAILURES_FORGOTTEN_MS);
    if (authorization === undefined) return 401;
    const [, encoded] = /^Basic ([A-Za-z0-9+/=]+)$/.exec(authorization) ?? [];
    const given = Buffer.from(encoded ?? '', 'base64').toString('utf8');
    const password = given.slice(given.indexOf(':') + 1);
    const isRight = given.includes(':') && timingSafeEqual(sha256(password), digest);
    if (isRight && this.known.has(authorization)) return null;
    // A guess that is right is not told either while too many were wrong; whoever is in already stays in.
    if (this.failures.length >= MOST_FAILURES) return 429;
    if (isRight) {
      this.known.add(authorization);
      return null;
    }
    this.failures.push(now);
    return 401;
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The name in a `Host` header, without port. */
function hostName(host: string | undefined): string {
  return (host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}
