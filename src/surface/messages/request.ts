import { z } from 'zod';
import { ERROR_CODES, type ErrorCode } from '../../platform/errors.ts';
import { alertSchema, person, reviewState } from './alert.ts';
import { count, probability } from './envelope.ts';
import { bundleName } from './model.ts';
import { modelReferenceSchema } from './model-reference.ts';
import { lightFacts, runFacts, sightSchema, vehicleSchema } from './vehicle.ts';

/** A request's payload has at most so many bytes, unless its kind says more. */
export const MOST_REQUEST_BYTES = 65_536;

/** A picture to be judged has at most so many bytes. */
export const MOST_PICTURE_BYTES = 4_194_304;

/** Findings that one answer lists at most, and where nobody said how many. */
export const MOST_LISTED = 200;
export const USUALLY_LISTED = 50;

/** What every request may carry. */
const asked = {
  transaction: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe(
      'chosen by whoever asks; comes back in the answer. The same again: the same answer, nothing done twice',
    ),
  expires: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('not to be done after this; refused also where the vehicle cannot believe its clock'),
};

const plain = z.strictObject(asked);
const moment = z.iso.datetime({ offset: true });
const identifier = z.string().min(1).max(128);

const bundle = z.strictObject(bundleName);
const slotContent = z.union([z.literal('shipped'), bundle]);

/** What the slots of the vehicle hold, and what serves. */
const models = {
  serving: vehicleSchema.shape.model,
  current: slotContent.describe('what the next start serves; shipped: the model that came with SPECTA'),
  previous: slotContent.nullable().describe('what model/rollback brings back when no model is on trial'),
};

/** One thing that can be asked of a vehicle. */
export interface RequestKind {
  readonly does: string;
  /** Something is different afterwards: worth a line in the log. */
  readonly changes: boolean;
  /** Where it is not {@link MOST_REQUEST_BYTES}. */
  readonly mostBytes?: number;
  readonly request: z.ZodType<{
    readonly transaction?: string | undefined;
    readonly expires?: string | undefined;
  }>;
  /** What the answer's `data` is when all went well. */
  readonly data: z.ZodType;
}

/** Everything that can be asked, by its name: `request/<name>` over MQTT, `/<name>` on the control socket. */
export const REQUESTS = {
  'light/test': {
    does: 'Blinks the alert light, whatever it shows otherwise.',
    changes: true,
    request: z.strictObject({ ...asked, seconds: z.number().min(0.1).max(60).optional() }),
    data: z.strictObject({ light: lightFacts }),
  },
  'light/acknowledge': {
    does: 'Says that a person knows of the cracks: ends latch and hold.',
    changes: true,
    request: plain,
    data: z.strictObject({
      ended: z.boolean().describe('there was something to acknowledge'),
      light: lightFacts,
    }),
  },
  'run/start': {
    does: 'Begins a run, unless one is under way.',
    changes: true,
    request: plain,
    data: z.strictObject({ began: z.boolean().describe('false: it was under way'), run: runFacts }),
  },
  'run/stop': {
    does: 'Ends the run under way; the next one begins on request, or at the next start of the daemon.',
    changes: true,
    request: plain,
    data: z.strictObject({
      ended: z.boolean().describe('false: none was under way'),
      run: runFacts.nullable().describe('the one that ended'),
    }),
  },
  'findings/list': {
    does: "Gives findings of the vehicle's record, each as its newest alert, the last changed first.",
    changes: false,
    request: z.strictObject({
      ...asked,
      since: moment.optional().describe('only those whose newest alert was committed then or later'),
      run: identifier.optional().describe('only those of this run'),
      limit: z.int().min(1).max(MOST_LISTED).optional().describe(`${USUALLY_LISTED} where not given`),
      before: z.int().min(1).optional().describe("an answer's `next`: what comes behind it"),
    }),
    data: z.strictObject({
      findings: z.array(alertSchema).describe('told again: `historical` is true'),
      next: z
        .int()
        .min(1)
        .nullable()
        .describe('there are more: ask with this as `before`; null: that is all'),
    }),
  },
  'alerts/resend': {
    does: 'Sends alerts again, all steps of the findings asked for, byte for byte but for the historical mark; behind them the images of the findings, the last changed first, at a bounded rate.',
    changes: true,
    request: z
      .strictObject({
        ...asked,
        run: identifier.optional().describe('those of this run'),
        since: moment.optional().describe('those committed then or later'),
        finding: identifier.optional().describe('those of this finding'),
      })
      .refine((given) => (given.run ?? given.since ?? given.finding) !== undefined, {
        message: 'says which: run, since or finding',
      }),
    data: z.strictObject({
      queued: count.describe('put into the outbox again'),
      waiting: count.describe('not: they wait there already'),
      images: count.describe('images put into the outbox again'),
      moreImages: z.boolean().describe('there are more findings than one request sends images of'),
    }),
  },
  'finding/review': {
    does: 'Says what a person found of a finding: confirmed, rejected, or unreviewed again. Every console hears of it by an alert.',
    changes: true,
    request: z.strictObject({
      ...asked,
      finding: identifier,
      review: reviewState,
      by: person.optional(),
      note: z.string().max(2_000).optional(),
    }),
    data: z.strictObject({ alert: alertSchema.describe('as it is sent to everybody') }),
  },
  'finding/acknowledge': {
    does: 'Says that a person has seen a finding. Every console hears of it by an alert.',
    changes: true,
    request: z.strictObject({ ...asked, finding: identifier, by: person.optional() }),
    data: z.strictObject({
      alert: alertSchema.describe("the finding's newest"),
      changed: z.boolean().describe('false: it was acknowledged before'),
    }),
  },
  classify: {
    does: 'Judges a picture with the model in use. One at a time; refused during a run unless the configuration allows it.',
    changes: false,
    // In Base64 four bytes carry three; the rest is for the fields around it.
    mostBytes: Math.ceil(MOST_PICTURE_BYTES / 3) * 4 + 4_096,
    request: z.strictObject({
      ...asked,
      image: z
        .base64()
        .min(1)
        .max(Math.ceil(MOST_PICTURE_BYTES / 3) * 4)
        .describe(`the file: JPEG, PNG, WebP, TIFF, GIF or AVIF, at most ${MOST_PICTURE_BYTES} bytes`),
    }),
    data: z.strictObject({
      label: sightSchema.shape.label,
      blind: sightSchema.shape.blind,
      probabilities: sightSchema.shape.probabilities,
      quality: sightSchema.shape.quality,
      thresholds: z.partialRecord(z.enum(['corrosion', 'crack']), probability).describe('in force'),
      model: modelReferenceSchema,
      milliseconds: z.number().min(0).describe('from the request to the verdict'),
    }),
  },
  snapshot: {
    does: 'Gives the newest frame that was judged, with its verdict.',
    changes: false,
    request: plain,
    data: z.strictObject({
      sight: sightSchema,
      contentType: z.string().describe('as in image/jpeg'),
      width: count,
      height: count,
      image: z.base64().describe('the file'),
    }),
  },
  'model/list': {
    does: 'Lists the bundles on board and the slots.',
    changes: false,
    request: plain,
    data: z.strictObject({
      ...models,
      bundles: z.array(
        z.strictObject({
          ...bundleName,
          slots: z.array(z.enum(['current', 'previous', 'trial'])),
          signedBy: z.string().nullable().describe('id of the key; untrusted; null: nobody'),
          bytes: count,
          createdAt: z.string().nullable(),
          fault: z.string().nullable().describe('why it cannot be used'),
        }),
      ),
    }),
  },
  'model/activate': {
    does: 'Puts a bundle that is on board on trial; it serves once it has passed, as the topic model tells.',
    changes: true,
    request: z.strictObject({
      ...asked,
      bundle: z.string().min(1).max(300).describe('name@version, or name for its highest version'),
      allowDowngrade: z.boolean().optional().describe('a version that does not rise is meant'),
      anotherModel: z.boolean().optional().describe('a model of a name that never served here is meant'),
    }),
    data: z.strictObject(models),
  },
  'model/rollback': {
    does: 'Ends the trial; without one, brings back at once what served before.',
    changes: true,
    request: plain,
    data: z.strictObject(models),
  },
  status: {
    does: 'Says how the vehicle is.',
    changes: false,
    request: plain,
    data: vehicleSchema,
  },
} as const satisfies Record<string, RequestKind>;

export type RequestName = keyof typeof REQUESTS;
export type RequestOf<Name extends RequestName> = z.infer<(typeof REQUESTS)[Name]['request']>;
export type DataOf<Name extends RequestName> = z.infer<(typeof REQUESTS)[Name]['data']>;

export const REQUEST_NAMES = Object.keys(REQUESTS) as [RequestName, ...RequestName[]];

export function isRequestName(name: string): name is RequestName {
  return Object.hasOwn(REQUESTS, name);
}

/** Bytes that a payload under this name may have; unknown names have the usual limit. */
export function mostRequestBytes(name: string): number {
  const kind: RequestKind | null = isRequestName(name) ? REQUESTS[name] : null;
  return kind?.mostBytes ?? MOST_REQUEST_BYTES;
}

const errorSchema = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string().describe('what happened'),
  help: z.string().describe('what to do about it'),
});

/** What comes back: exactly one of `data` and `error` is not null. */
export interface Answer<Data> {
  readonly status: 'ok' | 'error';
  readonly data: Data | null;
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly help: string } | null;
  readonly transaction: string | null;
}

/** The shape of an answer with this `data`. */
export function answerSchema<Data extends z.ZodType>(data: Data) {
  return z.strictObject({
    status: z.enum(['ok', 'error']),
    data: data.nullable().describe('null when the status is error'),
    error: errorSchema.nullable().describe('null when the status is ok'),
    transaction: z.string().nullable().describe("the request's; null when it had none, or could not be read"),
  });
}
