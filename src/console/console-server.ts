import {
  createServer as createPlain,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../platform/clock.ts';
import { SpectaError, systemCode, toErrorRecord } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { Access, checkDoor, type Door, type Refusal } from './access.ts';
import { Api } from './api.ts';
import type { Desk } from './desk.ts';
import { type ConsoleFacts, EventStream } from './event-stream.ts';
import { type PageFile, pageFiles } from './page-files.ts';
import type { StillInspector } from './still-inspector.ts';

/** The page's server, listening. */
export interface ConsoleServer {
  readonly url: string;
  readonly port: number;
  /** Ends every connection; idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ConsoleServerOptions {
  readonly door: Door;
  readonly desk: Desk;
  readonly inspector: StillInspector;
  readonly facts: Omit<ConsoleFacts, 'localModel'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Nothing but our own files, no inline script or style, nobody's frame, nothing told to others. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

const REFUSALS: Readonly<Record<Refusal, string>> = {
  401: 'This console asks for its password.',
  403: 'Only the console page itself may ask this.',
  421: 'This console is only for this machine, under its own name.',
  429: 'Too many wrong passwords; wait a minute.',
};

/**
 * Serves the page. Rejects with `CONFIG_INVALID` for a door that is too open or a certificate that cannot be used,
 * `PORT_IN_USE`.
 */
export async function startConsoleServer(options: ConsoleServerOptions): Promise<ConsoleServer> {
  const { door, desk, clock, log, inspector } = options;
  checkDoor(door);
  const files = pageFiles();
  const access = new Access(door, clock);
  const stream = new EventStream(desk, clock, { ...options.facts, localModel: inspector.localModel });
  const api = new Api({ desk, inspector, stream });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const refusal = access.refuse(request);
    if (refusal !== null) {
      if (refusal === 401)
        response.setHeader('www-authenticate', 'Basic realm="SPECTA console", charset="UTF-8"');
      response.writeHead(refusal, { 'content-type': 'text/plain; charset=utf-8' }).end(REFUSALS[refusal]);
      return;
    }
    const url = URL.parse(request.url ?? '/', 'http://console');
    const file = url === null ? undefined : files.get(url.pathname);
    if (url === null) response.writeHead(400, { 'content-type': 'text/plain' }).end('no address');
    else if (file !== undefined) sendFile(request, response, file);
    else if (url.pathname === '/events' && request.method === 'GET') stream.add(response);
    else if (url.pathname.startsWith('/api/')) await api.answer(request, response, url);
    else response.writeHead(404, { 'content-type': 'text/plain' }).end('not here');
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, response).catch((error: unknown) => {
      const { code, message, help } = toErrorRecord(error);
      log[code === 'INTERNAL' ? 'error' : 'debug']({ code, path: request.url }, message);
      if (response.headersSent) response.destroy();
      else sendError(response, { code, message, help });
    });
  };
  let server: Server;
  try {
    server = createServer(door, onRequest);
    await listen(server, door);
  } catch (error) {
    stream.stop();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      stream.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    })();
    return stopping;
  };
  const host = door.host.includes(':') ? `[${door.host}]` : door.host;
  const url = `${door.tls === null ? 'http' : 'https'}://${host}:${port}`;
  return { url, port, stop, [Symbol.asyncDispose]: stop };
}

function createServer({ tls }: Door, onRequest: RequestListener): Server {
  const settings = { requestTimeout: 30_000, headersTimeout: 10_000 };
  if (tls === null) return createPlain(settings, onRequest);
  try {
    return createSecure({ ...settings, cert: tls.certificate, key: tls.key }, onRequest);
  } catch (error) {
    throw new SpectaError(
      'CONFIG_INVALID',
      `The console's certificate or its key cannot be used: ${error instanceof Error ? error.message : String(error)}.`,
      'Give a certificate and its own key, both in PEM, with --tls-cert and --tls-key.',
      error,
    );
  }
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: PageFile): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405).end();
    return;
  }
  response.setHeader('etag', file.etag);
  response.setHeader('cache-control', 'no-cache');
  response.setHeader('vary', 'accept-encoding');
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304).end();
    return;
  }
  const zip = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  const bytes = zip ? file.zipped : file.bytes;
  response.writeHead(200, {
    'content-type': file.type,
    'content-length': bytes.byteLength,
    ...(zip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** An error as JSON, with the HTTP status that comes nearest. */
function sendError(
  response: ServerResponse,
  error: { readonly code: string; readonly message: string; readonly help: string },
): void {
  const status = error.code === 'INTERNAL' ? 500 : error.code === 'BROKER_UNREACHABLE' ? 503 : 422;
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify({ error }));
}

function listen(server: Server, { host, port }: Door): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new SpectaError(
          'PORT_IN_USE',
          `The console cannot listen on ${host}:${port} (${systemCode(error) ?? error.message}).`,
          'Choose another address with --listen, such as 127.0.0.1:0 for any free port.',
          error,
        ),
      ),
    );
    server.listen(port, host, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}
