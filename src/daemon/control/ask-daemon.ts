import { statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { dirname } from 'node:path';
import { z } from 'zod';
import { fromErrorRecord, SpectaError, systemCode } from '../../platform/errors.ts';
import { groupName } from '../../platform/groups.ts';
import {
  answerSchema,
  type DataOf,
  REQUESTS,
  type RequestName,
  type RequestOf,
} from '../../surface/messages/request.ts';

/** Longer than the daemon itself takes to give up, ms. */
const ANSWER_WITHIN_MS = 20_000;
/** No answer of a daemon is larger. */
const MOST_ANSWER_BYTES = 67_108_864;

/**
 * Asks the daemon that listens on a control socket. Rejects with `DAEMON_ABSENT` when nobody answers there,
 * `DAEMON_FORBIDDEN` when this user may not ask (naming the group that may), the answer's own error, or the signal's
 * reason.
 */
export async function askDaemon<Name extends RequestName>(
  socketPath: string,
  name: Name,
  request: RequestOf<Name>,
  signal?: AbortSignal,
): Promise<DataOf<Name>> {
  const text = await askRaw(socketPath, name, JSON.stringify(request), signal);
  const answer = answerSchema(z.unknown()).safeParse(parsed(text, socketPath));
  if (!answer.success) throw notSpecta(socketPath, answer.error.message);
  const { error, data } = answer.data;
  if (error !== null) throw fromErrorRecord(error);
  const checked = REQUESTS[name].data.safeParse(data);
  if (!checked.success) throw notSpecta(socketPath, checked.error.message);
  // The schema of this very name has checked it; the type system cannot follow a name that varies.
  return checked.data as DataOf<Name>;
}

/** Sends a request as it is written, and gives the answer as it came. Rejects as {@link askDaemon}, but for its answer. */
export function askRaw(
  socketPath: string,
  name: string,
  body: string,
  signal?: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        socketPath,
        path: `/${encodeURI(name)}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        timeout: ANSWER_WITHIN_MS,
        ...(signal ? { signal } : {}),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.byteLength;
          if (bytes > MOST_ANSWER_BYTES) sent.destroy(new Error('the answer has no end'));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
        response.on('error', (error) => reject(problem(socketPath, error)));
      },
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS / 1000} s`)));
    sent.on('error', (error) => reject(signal?.aborted ? signal.reason : problem(socketPath, error)));
    sent.end(body);
  });
}

function parsed(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notSpecta(socketPath, String(error));
  }
}

function notSpecta(socketPath: string, why: string): SpectaError {
  return new SpectaError(
    'DAEMON_ABSENT',
    `What answers on ${socketPath} is no daemon of this version of SPECTA: ${why}`,
    'After an upgrade restart the daemon (systemctl restart specta); else name its socket with --socket.',
  );
}

function problem(socketPath: string, error: Error): SpectaError {
  const code = systemCode(error);
  if (code === 'EACCES' || code === 'EPERM') {
    const group = groupThatMay(socketPath);
    return new SpectaError(
      'DAEMON_FORBIDDEN',
      `This user may not ask the daemon on ${socketPath}: it takes root or the group ${group}.`,
      `Say sudo, or join the group and log in again: sudo usermod -aG ${group} $USER.`,
      error,
    );
  }
  const why =
    code === 'ENOENT'
      ? 'there is no such socket'
      : code === 'ECONNREFUSED'
        ? 'the daemon that made it has died'
        : error.message;
  return new SpectaError(
    'DAEMON_ABSENT',
    `No daemon answers on ${socketPath}: ${why}.`,
    'Start it (systemctl start specta, or specta run --config FILE), or name its socket with --socket or --config.',
    error,
  );
}

/** The group of the socket, or of the folder that hides it; `specta` where neither can be seen. */
function groupThatMay(socketPath: string): string {
  for (const path of [socketPath, dirname(socketPath)]) {
    const gid = groupOf(path);
    if (gid !== null) return groupName(gid);
  }
  return 'specta';
}

function groupOf(path: string): number | null {
  try {
    return statSync(path).gid;
  } catch (error) {
    if (systemCode(error) !== undefined) return null;
    throw error;
  }
}
