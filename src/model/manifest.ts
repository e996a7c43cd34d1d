import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { Manifest } from '../domain/manifest.ts';
import { SpectaError } from '../platform/errors.ts';

/** Why a path may not stand in a bundle; null when it may. Forward slashes, relative, inside, in plain letters. */
function pathFault(path: string): string | null {
  if (!/^[A-Za-z0-9._+/-]+$/.test(path)) return 'has other characters than letters, digits and . _ + / -';
  if (path.startsWith('/')) return 'is absolute';
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..'))
    return 'has empty, "." or ".." parts';
  return path.length > 200 ? 'is longer than 200 characters' : null;
}

const bundlePath = z.string().superRefine((path, context) => {
  const fault = pathFault(path);
  if (fault) context.addIssue({ code: 'custom', message: `path ${JSON.stringify(path)} ${fault}` });
});

/** What a bundle may be called. */
export const BUNDLE_NAME = /^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$/;

/** What a bundle's version looks like. */
export const VERSION = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

const probability = z.number().min(0).max(1);
const className = z.enum(['corrosion', 'crack', 'intact']);
const classList = z.array(className).min(1).readonly();
const side = z.int().min(8).max(4096);

const defectRule = z
  .strictObject({
    on: probability,
    off: probability,
    severity: z.enum(['low', 'medium', 'high', 'critical']),
    advice: z.strictObject({ en: z.string().min(1), id: z.string().min(1) }),
  })
  .refine((rule) => rule.off <= rule.on, { message: 'off is above on', path: ['off'] });

const gates = z.strictObject({
  minMean: z.number().min(0).max(255),
  maxSaturatedShare: probability,
  minSharpness: z.number().min(0),
  minLocalContrast: z.number().min(0),
  minDeviation: z.number().min(0),
  frozenFrames: z.int().min(2),
  frozenChange: z.number().min(0),
});

const shape = z.strictObject({
  schema: z.literal(1),
  name: z.string().regex(BUNDLE_NAME, 'use lower-case letters, digits, - and .'),
  version: z.string().regex(VERSION, 'use major.minor.patch'),
  createdAt: z.iso.datetime(),
  input: z.strictObject({ width: side, height: side, channels: z.union([z.literal(1), z.literal(3)]) }),
  classes: classList,
  output: z.strictObject({ kind: z.enum(['softmax', 'sigmoid']), classes: classList }),
  preprocessing: z.strictObject({
    channels: z.enum(['luma', 'luma-chroma']),
    resize: z.literal('bilinear'),
    clahe: z
      .strictObject({ tiles: z.int().min(1).max(64), clip: z.number().positive().max(1000) })
      .optional(),
    normalisation: z.enum(['none', 'standard']),
    scale: z.number().positive(),
  }),
  tiles: z
    .string()
    .regex(/^[1-8]x[1-8]$/, 'use columns x rows, 1 to 8 each, as in 3x2')
    .optional(),
  gates,
  defects: z.strictObject({ corrosion: defectRule.optional(), crack: defectRule.optional() }),
  intactThreshold: probability.nullable(),
  calibration: z.strictObject({ temperature: z.number().positive() }),
  tolerances: z.record(z.string().min(1), z.number().min(0).max(1)),
  golden: z
    .array(
      z.strictObject({
        file: bundlePath,
        expected: z.strictObject({
          corrosion: probability.optional(),
          crack: probability.optional(),
          intact: probability.optional(),
        }),
      }),
    )
    .min(1)
    .readonly(),
  metrics: z
    .array(z.strictObject({ name: z.string().min(1), value: z.number(), data: z.string().min(1) }))
    .readonly(),
  provenance: z.strictObject({
    trainedOn: z.string(),
    trainer: z.string(),
    seed: z.int(),
    heldOutGroups: z.array(z.string()).readonly(),
  }),
  requires: z
    .strictObject({
      specta: z.string().regex(VERSION, 'use major.minor.patch').optional(),
      engines: z.array(z.string().min(1)).min(1).readonly().optional(),
    })
    .optional(),
  files: z
    .array(
      z.strictObject({
        path: bundlePath,
        bytes: z.int().min(0),
        sha256: z.string().regex(/^[0-9a-f]{64}$/, 'use 64 lower-case hex digits'),
      }),
    )
    .min(1)
    .readonly(),
});

type Shape = z.infer<typeof shape>;
type Fault = { readonly at: readonly (string | number)[]; readonly message: string };

function repeated(values: readonly string[]): string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

/** Faults between the fields, each of which is right by itself. */
function faultsOf(manifest: Shape): Fault[] {
  const faults: Fault[] = [];
  const { classes, output, defects, files, golden } = manifest;
  const add = (at: (string | number)[], message: string): void => void faults.push({ at, message });
  for (const name of repeated(classes)) add(['classes'], `${name} stands twice`);
  for (const name of repeated(output.classes)) add(['output', 'classes'], `${name} stands twice`);
  for (const name of classes) {
    const product = output.kind === 'sigmoid' && name === 'intact';
    if (!product && !output.classes.includes(name)) add(['output', 'classes'], `${name} has no output`);
    if (name !== 'intact' && !defects[name]) add(['defects'], `${name} has no rule`);
  }
  for (const name of output.classes) {
    if (!classes.includes(name)) add(['output', 'classes'], `${name} is not among the classes`);
    if (output.kind === 'sigmoid' && name === 'intact') {
      add(['output', 'classes'], 'intact is no sigmoid output: it follows from the defects');
    }
  }
  for (const name of ['corrosion', 'crack'] as const) {
    if (defects[name] && !classes.includes(name)) add(['defects', name], `${name} is not among the classes`);
  }
  if (manifest.intactThreshold !== null && !classes.includes('intact')) {
    add(['intactThreshold'], 'must be null: intact is not among the classes');
  }
  const { channels } = manifest.preprocessing;
  if (manifest.input.channels !== (channels === 'luma' ? 1 : 3)) {
    add(['input', 'channels'], `is ${manifest.input.channels}, which does not fit ${channels}`);
  }
  const paths = files.map((file) => file.path);
  for (const path of repeated(paths)) add(['files'], `${path} stands twice`);
  if (!paths.includes('model.onnx')) add(['files'], 'model.onnx is missing');
  if (paths.includes('manifest.json')) add(['files'], 'manifest.json cannot list itself');
  golden.forEach(({ file, expected }, index) => {
    if (!paths.includes(file)) add(['golden', index, 'file'], `${file} is not among the files`);
    for (const name of classes) {
      if (expected[name] === undefined) add(['golden', index, 'expected'], `${name} is missing`);
    }
  });
  return faults;
}

/** The schema of `manifest.json`: every field checked, nothing unknown allowed, the fields checked against each other. */
export const manifestSchema = shape.superRefine((manifest, context) => {
  for (const { at, message } of faultsOf(manifest))
    context.addIssue({ code: 'custom', path: [...at], message });
});

function place(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'manifest' : path.map(String).join('.');
}

/**
 * Reads a manifest's text. Throws `BUNDLE_MANIFEST_INVALID` that names every mistake at once.
 * @param where the manifest's path, for the message
 */
export function parseManifest(text: string, where: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(
      where,
      [`it is not JSON (${error instanceof Error ? error.message : String(error)})`],
      error,
    );
  }
  const result = manifestSchema.safeParse(value);
  if (!result.success) {
    throw invalid(
      where,
      result.error.issues.map((issue) => `${place(issue.path)}: ${issue.message}`),
    );
  }
  return withoutUndefined(result.data);
}

function invalid(where: string, mistakes: readonly string[], cause?: unknown): SpectaError {
  return new SpectaError(
    'BUNDLE_MANIFEST_INVALID',
    `${where}: ${mistakes.join('; ')}.`,
    'Make the bundle anew with the training tools; docs describe each field.',
    cause,
  );
}

/** A manifest's bytes as text. Throws `BUNDLE_MANIFEST_INVALID` for bytes that are no UTF-8. */
export function manifestText(bytes: Uint8Array, where: string): string {
  if (!isUtf8(bytes)) throw invalid(where, ['it is no UTF-8']);
  return Buffer.from(bytes).toString('utf8');
}

/** Optional fields are absent, never `undefined`: the domain type says so. */
function withoutUndefined(manifest: Shape): Manifest {
  const { defects, golden, requires, preprocessing, tiles, ...rest } = manifest;
  const { corrosion, crack } = defects;
  const { specta, engines } = requires ?? {};
  const { clahe, ...plain } = preprocessing;
  return {
    ...rest,
    ...(tiles !== undefined && { tiles }),
    ...(requires && {
      requires: { ...(specta !== undefined && { specta }), ...(engines && { engines }) },
    }),
    preprocessing: { ...plain, ...(clahe && { clahe }) },
    defects: { ...(corrosion && { corrosion }), ...(crack && { crack }) },
    golden: golden.map(({ file, expected }) => ({
      file,
      expected: Object.fromEntries(Object.entries(expected).filter(([, value]) => value !== undefined)),
    })),
  };
}
