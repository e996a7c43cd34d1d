import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Advice } from '../domain/finding.ts';
import type { DefectClass } from '../domain/verdict.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import type { AlertMessage } from '../surface/messages/alert.ts';
import type { Desk } from './desk.ts';
import type { EventStream } from './event-stream.ts';
import { findingFacts, listFindings } from './finding-list.ts';
import { routeStrip } from './route-strip.ts';
import type { StillInspector } from './still-inspector.ts';

/** What the page may ask of a vehicle; everything else stays with the vehicle's own tools. */
const ASKABLE = [
  'light/test',
  'light/acknowledge',
  'run/start',
  'run/stop',
  'finding/review',
  'finding/acknowledge',
] as const;

const MOST_JSON_BYTES = 16_384;
const MOST_IMAGE_BYTES = 64_000_000;
/** Findings acknowledged by one press at most; it can be pressed again. */
const MOST_AT_ONCE = 200;

const flag = z
  .enum(['true', 'false'])
  .transform((word) => word === 'true')
  .optional();
const word = z.string().min(1).max(128);

const querySchema = z.object({
  vehicle: word.optional(),
  class: z.enum(['crack', 'corrosion']).optional(),
  review: z.enum(['unreviewed', 'confirmed', 'rejected']).optional(),
  open: flag,
  unacknowledged: flag,
  order: z.enum(['severity', 'time']).default('severity'),
  offset: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
const whichSchema = z.object({ vehicle: word, finding: word });
const coverageSchema = z.object({ vehicle: word, since: z.coerce.number().min(0) });
const askSchema = z.strictObject({
  vehicle: word,
  name: z.enum(ASKABLE),
  fields: z.record(z.string(), z.unknown()).default({}),
});
const acknowledgeAllSchema = z.strictObject({ vehicle: word, by: word.optional() });

interface ApiParts {
  readonly desk: Desk;
  readonly inspector: StillInspector;
  readonly stream: EventStream;
}

/** What the page asks of the console. */
export class Api {
  private readonly parts: ApiParts;

  constructor(parts: ApiParts) {
    this.parts = parts;
  }

  /** Answers below `/api/`. Rejects with a SpectaError, which is then told as such. */
  async answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const given = Object.fromEntries(url.searchParams);
    const { desk, stream } = this.parts;
    const { history } = desk;
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /api/overview':
        return send(response, stream.overview());
      case 'GET /api/findings':
        return send(response, listFindings(history, read(querySchema, given)));
      case 'GET /api/finding': {
        const { vehicle, finding } = read(whichSchema, given);
        return send(response, findingFacts(history, vehicle, finding) ?? notThere(finding));
      }
      case 'GET /api/image': {
        const { vehicle, finding } = read(whichSchema, given);
        return sendImage(response, history.image(vehicle, finding));
      }
      case 'GET /api/coverage': {
        const { vehicle, since } = read(coverageSchema, given);
        return send(response, { stretches: history.coverage(vehicle, since) });
      }
      case 'GET /api/route': {
        const { vehicle, since } = read(coverageSchema, given);
        return send(response, { strip: routeStrip(history, vehicle, since) });
      }
      case 'POST /api/ask': {
        const { vehicle, name, fields } = read(askSchema, await jsonBody(request));
        return send(response, { data: await desk.asking.ask(vehicle, name, fields) });
      }
      case 'POST /api/acknowledge-all': {
        const { vehicle, by } = read(acknowledgeAllSchema, await jsonBody(request));
        return send(response, await this.acknowledgeAll(vehicle, by));
      }
      case 'POST /api/inspect': {
        const image = await body(request, MOST_IMAGE_BYTES);
        const vehicle = url.searchParams.get('vehicle');
        return send(
          response,
          await this.parts.inspector.inspect(image, vehicle, (defect) => this.adviceOf(vehicle, defect)),
        );
      }
      default:
        response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
    }
  }

  /**
   * A person has seen everything that is on the list: each finding by itself, so that every console hears of it. One that
   * the vehicle does not know any more, as after its record was begun anew, holds up none of the others.
   */
  private async acknowledgeAll(vehicle: string, by: string | undefined) {
    const { desk } = this.parts;
    const { rows, total } = listFindings(desk.history, {
      ...{ vehicle, unacknowledged: true, order: 'severity', offset: 0, limit: MOST_AT_ONCE },
    });
    let acknowledged = 0;
    for (const { finding } of rows) {
      try {
        await desk.asking.ask(vehicle, 'finding/acknowledge', {
          finding,
          ...(by === undefined ? {} : { by }),
        });
        acknowledged += 1;
      } catch (error) {
        if (asSpectaError(error).code !== 'REQUEST_REFUSED') throw error;
      }
    }
    await desk.asking.ask(vehicle, 'light/acknowledge');
    return { acknowledged, refused: rows.length - acknowledged, left: total - rows.length };
  }

  /** What this vehicle's model recommends, as its newest alert of the kind says. */
  private adviceOf(vehicle: string | null, defect: DefectClass): Advice | null {
    const found = this.parts.desk.history.row(
      'SELECT body FROM findings WHERE (?1 IS NULL OR vehicle = ?1) AND class = ?2 ORDER BY opened DESC LIMIT 1',
      ...[vehicle, defect],
    );
    return found === undefined ? null : (JSON.parse(String(found.body)) as AlertMessage).advice;
  }
}

function notThere(finding: string): never {
  throw new SpectaError('REQUEST_REFUSED', `The finding ${finding} is not known here.`, 'Reload the page.');
}

function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const why = checked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new SpectaError('REQUEST_INVALID', `That cannot be asked: ${why}.`, 'Reload the page.');
}

function send(response: ServerResponse, value: unknown): void {
  response
    .writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
    .end(JSON.stringify(value));
}

function sendImage(response: ServerResponse, jpeg: Uint8Array | null): void {
  if (jpeg === null) response.writeHead(404, { 'content-type': 'text/plain' }).end('no still');
  else
    response
      .writeHead(200, { 'content-type': 'image/jpeg', 'cache-control': 'private, max-age=5' })
      .end(Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength));
}

/** The request's body. Rejects with `IMAGE_TOO_LARGE`, and lets the rest run by, so that the answer can be read. */
async function body(request: IncomingMessage, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const chunks: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
  for await (const part of chunks) {
    bytes += part.byteLength;
    if (bytes > most) break;
    parts.push(part);
  }
  if (bytes <= most) return new Uint8Array(Buffer.concat(parts));
  request.resume();
  throw new SpectaError(
    'IMAGE_TOO_LARGE',
    `More than ${(most / 1e6).toFixed(1)} MB are not taken.`,
    'Send less.',
  );
}

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const bytes = await body(request, MOST_JSON_BYTES);
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
  } catch (error) {
    throw new SpectaError('REQUEST_INVALID', 'That is no JSON.', 'Reload the page.', error);
  }
}
