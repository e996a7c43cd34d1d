import { chmodSync, lstatSync, renameSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { SpectaError, systemCode } from '../../platform/errors.ts';
import { nodeFiles } from '../../platform/files.ts';
import type { Logger } from '../../platform/log.ts';
import { mostRequestBytes } from '../../surface/messages/request.ts';
import type { Requests } from '../../surface/requests.ts';
import { checkSocketPath, temporarySocketPath } from './socket-path.ts';

/** The socket on which people on the board ask the daemon. */
export interface ControlSocket extends AsyncDisposable {
  readonly path: string;
  /** Ends every connection and removes the socket; idempotent, never rejects, waits for nobody. */
  close(): Promise<void>;
}

/** Connections at once; what comes beyond is closed at once. */
const MOST_CONNECTIONS = 16;
/** A request must have come whole within this, and a silent connection ends after the second, ms. */
const REQUEST_WITHIN_MS = 5_000;
const SILENT_MS = 20_000;
/** How often Node looks for connections that take too long, ms. */
const LOOK_EVERY_MS = 1_000;
const MODE = 0o660;

/**
 * Listens for requests: HTTP, `POST /<name>` with the JSON of the request, and its answer back. HTTP because Node brings
 * its framing, limits and timeouts, and because curl speaks it (`curl --unix-socket PATH -d '' http://specta/status`).
 * The socket belongs to this process's user and group, mode 0660. One that a dead daemon left is replaced.
 *
 * Rejects with `CONFIG_INVALID` for a path too long, `DAEMON_RUNNING` where somebody answers already, and Node's error
 * where nothing can be made there.
 */
export async function openControlSocket(
  path: string,
  requests: Requests,
  log: Logger,
): Promise<ControlSocket> {
  checkSocketPath(path);
  await nodeFiles.mkdir(dirname(path));
  await refuseLiving(path);
  const server = createServer(
    {
      headersTimeout: REQUEST_WITHIN_MS,
      requestTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: LOOK_EVERY_MS,
      maxHeaderSize: 8_192,
      keepAlive: false,
    },
    (request, response) => void serve(request, response, requests, log),
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.timeout = SILENT_MS;
  const temporary = temporarySocketPath(path);
  rmSync(temporary, { force: true });
  await listen(server, temporary);
  let inode: bigint;
  try {
    chmodSync(temporary, MODE);
    inode = statSync(temporary, { bigint: true }).ino;
    renameSync(temporary, path);
  } catch (error) {
    server.close();
    rmSync(temporary, { force: true });
    throw error;
  }
  // Whatever goes wrong here later ends one connection, never the daemon.
  server.on('error', (error) => log.warn({ path }, `the control socket: ${error.message}`));
  let dropped = 0;
  server.on('drop', () => {
    dropped += 1;
    // At 1, 2, 4, 8…: a flood of connections must not become one of log lines.
    if ((dropped & (dropped - 1)) === 0)
      log.warn({ path, dropped }, `more than ${MOST_CONNECTIONS} connections: the last one was closed`);
  });
  log.info({ path }, 'the control socket listens');
  return new ListeningSocket(path, server, inode, log);
}

class ListeningSocket implements ControlSocket {
  readonly path: string;
  private readonly server: Server;
  private readonly inode: bigint;
  private readonly log: Logger;
  private closing: Promise<void> | null = null;

  constructor(path: string, server: Server, inode: bigint, log: Logger) {
    this.path = path;
    this.server = server;
    this.inode = inode;
    this.log = log;
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async end(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
    try {
      // Another daemon's may stand there by now.
      if (statSync(this.path, { bigint: true }).ino === this.inode) rmSync(this.path);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT')
        this.log.warn({ path: this.path }, `the control socket stays behind: ${systemCode(error)}`);
    }
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A socket that nobody listens on any more refuses connections; that one may be replaced, and nothing else may. */
function refuseLiving(path: string): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there === undefined) return Promise.resolve();
  if (!there.isSocket()) {
    return Promise.reject(
      new SpectaError(
        'CONFIG_INVALID',
        `Something else than a socket stands at ${path}, where the control socket should be.`,
        'Move it away, or name another path as control.socket in the configuration.',
      ),
    );
  }
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      reject(
        new SpectaError(
          'DAEMON_RUNNING',
          `Another daemon listens on the control socket ${path} already.`,
          'Stop it first (specta status --socket PATH names its process), or give this one a control.socket of its own.',
        ),
      );
    });
    socket.once('error', (error) => {
      socket.destroy();
      const code = systemCode(error);
      if (code === 'ENOENT' || code === 'ECONNREFUSED') resolve();
      else reject(error);
    });
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  requests: Requests,
  log: Logger,
): Promise<void> {
  // Whoever asked may go away at any moment; there is nobody to tell then.
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  try {
    const name = (request.url ?? '').split('?')[0]?.replace(/^\//, '') ?? '';
    const payload = await bodyOf(request, mostRequestBytes(name));
    if (payload === null) return;
    const answer = await requests.answer(
      request.method === 'POST' ? name : `${request.method} ${name}`,
      payload,
    );
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': answer.byteLength,
      connection: 'close',
    });
    response.end(answer);
  } catch (error) {
    log.warn(`a request on the control socket could not be answered: ${String(error)}`);
    response.destroy();
  }
}

/**
 * What was sent, up to one byte more than a request may have, so that it is refused for its size with an answer. What
 * comes behind that is read and forgotten: closing on unread bytes would take the answer away from whoever sent them.
 * null when whoever asked went away.
 */
function bodyOf(request: IncomingMessage, mostBytes: number): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let room = mostBytes + 1;
    request.on('data', (chunk: Buffer) => {
      if (room > 0) chunks.push(chunk.subarray(0, room));
      room = Math.max(0, room - chunk.byteLength);
    });
    request.once('end', () => resolve(new Uint8Array(Buffer.concat(chunks))));
    request.once('close', () => resolve(null));
  });
}
