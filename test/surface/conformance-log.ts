import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const FILE = resolve(import.meta.dirname, '../../docs/messages/conformance.jsonl');

/** A line of the conformance log. */
export interface LogLine {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payload?: unknown;
  readonly payloadBase64?: string;
  readonly userProperties?: Readonly<Record<string, string>>;
}

/** A message of the log with the bytes that went over the wire; of pictures left out, none. */
export interface LoggedMessage {
  readonly topic: string;
  readonly payload: Buffer;
  readonly logged: LogLine;
}

export function loggedMessages(): readonly LoggedMessage[] {
  return readFileSync(FILE, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const logged = JSON.parse(line) as LogLine;
      const payload =
        logged.payloadBase64 === undefined
          ? Buffer.from(logged.payload === undefined ? '' : JSON.stringify(logged.payload))
          : Buffer.from(logged.payloadBase64, 'base64');
      return { topic: logged.topic, payload, logged };
    });
}
