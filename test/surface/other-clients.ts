import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { IPublishPacket } from 'mqtt';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { Contract } from '../scenarios/contract.ts';

/** One message as somebody else's client printed it; a picture's payload is null. */
export interface PrintedMessage {
  readonly topic: string;
  readonly payload: unknown;
}

interface Reading {
  readonly program: string;
  /** Words of the command that reads `specta/#`; it ends after `count` messages, where that is not null. */
  readonly words: (port: number, count: number | null) => readonly string[];
  readonly parse: (line: string) => PrintedMessage | null;
  /** Whether it has subscribed, by what it printed and by the broker's log. */
  readonly listens: (output: string, log: string) => boolean;
}

/** An MQTT client that is not ours. */
export interface OtherClient {
  readonly name: string;
  /** Why it cannot be had here, and what brings it; null when it can. */
  readonly missing: string | null;
  readonly reading: Reading;
}

/** Debian's own: another one on the path does not know Debian's packages. */
const PYTHON = '/usr/bin/python3';

function missing(program: string, words: readonly string[], what: string, brings: string): string | null {
  const { error, status } = spawnSync(program, [...words]);
  const isThere = error === undefined && (status === 0 || words.length === 1);
  return isThere ? mosquittoMissing : `${what} is not installed: sudo apt-get install -y ${brings}`;
}

export const OTHER_CLIENTS: readonly OtherClient[] = [
  {
    name: 'mosquitto_sub',
    missing: missing('mosquitto_sub', ['--help'], 'mosquitto_sub', 'mosquitto-clients'),
    reading: {
      program: 'mosquitto_sub',
      words: (port, count) => [
        ...['-h', '127.0.0.1', '-p', String(port), '-t', 'specta/#', '-q', '1', '-F', '%l %x %t'],
        ...(count === null ? [] : ['-C', String(count)]),
      ],
      parse: (line) => {
        const [, hex = '', topic = ''] = line.split(' ');
        const isPicture = topic.endsWith('/image');
        return { topic, payload: isPicture ? null : JSON.parse(Buffer.from(hex, 'hex').toString('utf8')) };
      },
      listens: (_, log) => /Sending SUBACK to auto/.test(log),
    },
  },
  {
    name: 'Eclipse Paho',
    missing: missing(PYTHON, ['-c', 'import paho.mqtt.client'], 'Eclipse Paho', 'python3-paho-mqtt'),
    reading: {
      program: PYTHON,
      words: (port, count) => [
        resolve(import.meta.dirname, 'paho-reader.py'),
        String(port),
        String(count ?? 0),
      ],
      parse: (line) => {
        const { topic, payload } = JSON.parse(line) as PrintedMessage;
        return topic === 'ready' ? null : { topic, payload };
      },
      listens: (output) => output.includes('"ready"'),
    },
  },
];

/** A client of somebody else while it reads. */
export class OtherReader {
  private readonly reading: Reading;
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;
  private output = '';
  private errors = '';

  /** @param count ends by itself after so many messages; null: only when it is told to */
  constructor({ reading }: OtherClient, port: number, count: number | null) {
    this.reading = reading;
    this.child = spawn(reading.program, [...reading.words(port, count)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.errors += text;
    });
    this.ended = new Promise((done) => this.child.once('close', done));
  }

  /** Resolves when it has subscribed. @param log of the broker */
  async listening(log: () => string): Promise<void> {
    while (!this.reading.listens(this.output, log())) {
      if (this.child.exitCode !== null) throw new Error(`it ended before it listened: ${this.errors}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  /** What it has printed so far. */
  get messages(): PrintedMessage[] {
    const whole = this.output.slice(0, this.output.lastIndexOf('\n') + 1);
    return whole.split('\n').flatMap((line) => (line === '' ? [] : (this.reading.parse(line) ?? [])));
  }

  /** Resolves when it has ended by itself; throws where it failed. */
  async finished(): Promise<void> {
    const code = await this.ended;
    if (code !== 0) throw new Error(`it ended with ${code}: ${this.errors}`);
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** What of the JSON messages breaks the published schemas. */
export function breaches(messages: readonly PrintedMessage[]): string[] {
  const contract = new Contract();
  const none = {} as IPublishPacket;
  return messages
    .filter(isJson)
    .flatMap(
      ({ topic, payload }) => contract.breachOf(topic, Buffer.from(JSON.stringify(payload)), none, 4) ?? [],
    );
}

export function isJson({ topic }: { readonly topic: string }): boolean {
  return !topic.endsWith('/image');
}
