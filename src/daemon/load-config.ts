import { open } from 'node:fs/promises';
import { type Document, isCollection, LineCounter, parse, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { SpectaError } from '../platform/errors.ts';
import { nearestName } from '../platform/nearest-name.ts';
import { type Config, configSchema } from './config.ts';

const HELP = 'Mend every line named above; device/specta.example.yaml shows each key with its meaning.';

type Path = readonly PropertyKey[];

/** Follows wrappers (default, nullable, optional) to what they hold. */
function unwrapped(schema: unknown): unknown {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodOptional
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

/** The keys that are known at a path of the configuration; empty where it has none. */
function keysAt(path: Path): string[] {
  let schema: unknown = configSchema;
  for (const key of path) {
    const inner = unwrapped(schema);
    if (!(inner instanceof z.ZodObject)) return [];
    schema = inner.shape[String(key)];
  }
  const inner = unwrapped(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

/** Every leaf key of the configuration with the environment variable that overrides it. */
function environmentNames(): Map<string, string[]> {
  const names = new Map<string, string[]>();
  const walk = (path: string[]): void => {
    const keys = keysAt(path);
    if (keys.length === 0 && path.length > 0) {
      const name = path.map((key) => key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('_');
      names.set(`SPECTA_${name}`, path);
    }
    for (const key of keys) walk([...path, key]);
  };
  walk([]);
  return names;
}

function describeUnknown(key: string, path: Path): string {
  const at = path.length > 0 ? `${path.map(String).join('.')}.` : '';
  const nearest = nearestName(key, keysAt(path));
  return nearest ? `${at}${key}: unknown key; did you mean ${at}${nearest}?` : `${at}${key}: unknown key`;
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => describeUnknown(key, issue.path));
  const at = issue.path.length > 0 ? issue.path.map(String).join('.') : 'the file';
  return [`${at}: ${issue.message}`];
}

function setAt(root: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let node = root;
  for (const key of path.slice(0, -1)) {
    const inner = node[key];
    // A wrong type here (a list, a word) is reported by the schema under its own path.
    if (inner !== undefined && (typeof inner !== 'object' || inner === null || Array.isArray(inner))) return;
    const next = (inner ?? {}) as Record<string, unknown>;
    node[key] = next;
    node = next;
  }
  const last = path.at(-1);
  if (last !== undefined) node[last] = value;
}

/**
 * Reads a configuration from YAML text with `SPECTA_…` overrides (`SPECTA_CAMERA_URI` for `camera.uri`; values are YAML).
 * Throws `CONFIG_INVALID` that lists every mistake at once, unknown keys with the nearest known name.
 */
export function parseConfig(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  name = 'the configuration',
): Config {
  const mistakes: string[] = [];
  const lines = new LineCounter();
  const document = documentOf(text, lines, name);
  // A warning (a tag nobody knows) means that the file says something else than its author thinks.
  for (const error of [...document.errors, ...document.warnings]) {
    const { line, col } = lines.linePos(error.pos[0]);
    mistakes.push(`line ${line}, column ${col}: ${error.message.split('\n')[0]}`);
  }
  if (mistakes.length > 0) throw invalid(name, mistakes);

  const parsed = contentOf(document, name) ?? {};
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalid(name, ['the file: expected keys and values (vehicle: …, camera: …)']);
  }
  const root = parsed as Record<string, unknown>;
  const known = environmentNames();
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('SPECTA_') || value === undefined) continue;
    const path = known.get(variable);
    if (path) setAt(root, path, environmentValue(value));
    else {
      const nearest = nearestName(variable, [...known.keys()]);
      mistakes.push(
        `${variable}: unknown environment variable${nearest ? `; did you mean ${nearest}?` : ''}`,
      );
    }
  }
  const result = configSchema.safeParse(root);
  if (!result.success) mistakes.push(...result.error.issues.flatMap(describeIssue));
  if (mistakes.length > 0 || !result.success) throw invalid(name, mistakes);
  return result.data;
}

/** The text as YAML; nesting without measure ends the parser where the stack does. */
function documentOf(text: string, lineCounter: LineCounter, name: string): Document.Parsed {
  try {
    return parseDocument(text, { lineCounter, logLevel: 'error' });
  } catch (error) {
    throw invalid(name, [`the file: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/**
 * What the document says; an alias of nothing, and aliases that unfold without measure, are found only here. A key that is
 * itself a list or keys and values is refused: nested, their names take time that doubles with each level.
 */
function contentOf(document: Document.Parsed, name: string): unknown {
  try {
    visit(document, {
      Pair(_, { key }) {
        if (isCollection(key)) throw new RangeError('a key must be a word');
      },
    });
    return document.toJS();
  } catch (error) {
    throw invalid(name, [`the file: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

/** A variable's value as YAML would read it; text that is no YAML (an URI with a colon and a space) stays text. */
function environmentValue(value: string): unknown {
  try {
    const parsed: unknown = parse(value, { logLevel: 'error' });
    return typeof parsed === 'object' && parsed !== null ? value : parsed;
  } catch (error) {
    if (error instanceof Error) return value;
    throw error;
  }
}

function invalid(name: string, mistakes: readonly string[]): SpectaError {
  const list = mistakes.map((mistake) => `\n  - ${mistake}`).join('');
  const noun = mistakes.length === 1 ? 'mistake' : 'mistakes';
  return new SpectaError('CONFIG_INVALID', `${name} has ${mistakes.length} ${noun}:${list}`, HELP);
}

/** A configuration has some kilobytes; a device or a film named by mistake has no end. */
const MOST_BYTES = 1_000_000;

/** The text of a file. Rejects with Node's error, and with one for more than {@link MOST_BYTES}, which are not read. */
async function readText(file: string): Promise<string> {
  const handle = await open(file);
  try {
    const bytes = Buffer.alloc(MOST_BYTES + 1);
    let filled = 0;
    for (;;) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, null);
      filled += bytesRead;
      if (filled > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes`);
      if (bytesRead === 0) return bytes.toString('utf8', 0, filled);
    }
  } finally {
    await handle.close();
  }
}

/** Reads the configuration file. Throws `CONFIG_UNREADABLE` or `CONFIG_INVALID`. */
export async function loadConfig(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Config> {
  let text: string;
  try {
    text = await readText(file);
  } catch (error) {
    throw new SpectaError(
      'CONFIG_UNREADABLE',
      `The configuration ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'Give a readable file with --config; device/specta.example.yaml is one to start from.',
      error,
    );
  }
  return parseConfig(text, environment, file);
}
