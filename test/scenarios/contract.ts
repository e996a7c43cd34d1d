import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { IPublishPacket } from 'mqtt';
import { messageOf } from '../../src/surface/messages/catalogue.ts';
import { topicsOf } from '../../src/surface/topics.ts';

const FOLDER = resolve(import.meta.dirname, '../../docs/messages');
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Holds messages against the schemas in `docs/messages`, as a stranger who only has those would. */
export class Contract {
  private readonly ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    formats: { 'date-time': DATE_TIME },
  });
  private readonly validators = new Map<string, ValidateFunction>();

  /** What is wrong with a message; null when nothing is. */
  breachOf(topic: string, payload: Buffer, packet: IPublishPacket, protocol: 4 | 5): string | null {
    const place = topicsOf(topic.split('/')[1] ?? '').parse(topic);
    const kind = place && messageOf(place.name);
    if (!kind) return `nobody knows the topic ${topic}`;
    if (kind.payload === 'binary') {
      // Under MQTT 3.1.1 there are no properties: the topic alone says what the bytes are.
      return protocol === 4 ? null : this.against(kind.file, topic, { ...packet.properties?.userProperties });
    }
    let message: unknown;
    try {
      message = JSON.parse(payload.toString('utf8'));
    } catch (error) {
      return `${topic}: no JSON: ${String(error)}`;
    }
    return this.against(kind.file, topic, message);
  }

  private against(file: string, topic: string, message: unknown): string | null {
    let validate = this.validators.get(file);
    if (!validate) {
      validate = this.ajv.compile(JSON.parse(readFileSync(join(FOLDER, file), 'utf8')));
      this.validators.set(file, validate);
    }
    return validate(message) ? null : `${topic} against ${file}: ${this.ajv.errorsText(validate.errors)}`;
  }
}
