import { BLOCK_BYTES } from '../../src/model/archive-header.ts';
import { ERROR_CODES } from '../../src/platform/errors.ts';
import { archiveOfBundle, type SmallBundle, smallBundle } from '../fixtures/small-bundle.ts';
import type { Dice } from './dice.ts';
import { type Forged, forgedHeader, joined } from './hostile-tar.ts';
import { VENDOR, Vehicle } from './hostile-vehicle.ts';

/** What a fuzz run came to. */
export interface FuzzReport {
  /** How often each code was given; `taken` for what was still a whole bundle. */
  readonly codes: Readonly<Record<string, number>>;
  /** One sentence for everything that must not be. */
  readonly harm: readonly string[];
  /** The most that one attempt read of its file at once, and wrote to the disk, bytes. */
  readonly largestRead: number;
  readonly mostWritten: number;
}

/** A vehicle is used for so many attempts, then a fresh one: the disk in memory keeps a log. */
const ATTEMPTS_A_VEHICLE = 500;
/** A refusal may have unpacked all that the manifest promised, and nothing more. */
const SLACK_BYTES = 4_096;

const BASE = smallBundle('2.0.0');
const OTHER = archiveOfBundle(smallBundle('2.1.0'), VENDOR);
const GENUINE = archiveOfBundle(BASE, VENDOR);

const anywhere = (dice: Dice, length: number): number => Math.floor(dice.between(0, length));
const pick = <T>(dice: Dice, items: readonly T[]): T => items[anywhere(dice, items.length)] as T;

function randomBytes(dice: Dice, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => anywhere(dice, 256));
}

const FORGERIES: readonly ((dice: Dice) => Forged)[] = [
  (dice) => ({ name: pick(dice, ['/x', '../x', 'a/../../x', '', 'model.onnx', 'MANIFEST.JSON', '\0x']) }),
  (dice) => ({ name: randomBytes(dice, 1 + anywhere(dice, 100)) }),
  (dice) => ({ prefix: pick(dice, ['..', '/etc', 'golden', 'x'.repeat(155)]) }),
  (dice) => ({ type: pick(dice, ['1', '2', '3', '4', '5', '6', '7', 'x', 'g', 'L', 'K', 'S', '\0', 'A']) }),
  (dice) => ({
    size: `${anywhere(dice, 2 ** 31)
      .toString(8)
      .padStart(11, '0')}\0`,
  }),
  (dice) => ({ size: randomBytes(dice, 12) }),
  (dice) => ({ link: pick(dice, ['/etc/passwd', '../../x']) }),
  (dice) => ({ mode: `000${4000 + anywhere(dice, 777)}\0` }),
  (dice) => ({ magic: pick(dice, ['ustar  \0', '\0\0\0\0\0\0\0\0', 'ustar\x0001']) }),
  (dice) => ({ tail: String.fromCharCode(1 + anywhere(dice, 255)) }),
  () => ({ wrongSum: true, time: '00000000001\0' }),
];

const MUTATIONS: readonly ((bytes: Uint8Array, dice: Dice) => Uint8Array)[] = [
  function flipBits(bytes, dice) {
    const changed = bytes.slice();
    for (let count = 1 + anywhere(dice, 4); count > 0; count--)
      changed[anywhere(dice, changed.length)] ^= 1 << anywhere(dice, 8);
    return changed;
  },
  function overwrite(bytes, dice) {
    const changed = bytes.slice();
    const piece = randomBytes(dice, Math.min(changed.length, 1 + anywhere(dice, 64)));
    changed.set(piece, anywhere(dice, changed.length - piece.length + 1));
    return changed;
  },
  (bytes, dice) => bytes.slice(0, anywhere(dice, bytes.length)),
  (bytes, dice) => joined([bytes, randomBytes(dice, 1 + anywhere(dice, 2_000))]),
  function moveBlocks(bytes, dice) {
    const from = BLOCK_BYTES * anywhere(dice, bytes.length / BLOCK_BYTES);
    const to = BLOCK_BYTES * anywhere(dice, bytes.length / BLOCK_BYTES);
    const block = bytes.slice(from, from + BLOCK_BYTES);
    const isInsert = dice.chance(0.5);
    return joined([bytes.slice(0, to), block, bytes.slice(isInsert ? to : to + BLOCK_BYTES)]);
  },
  function dropBlocks(bytes, dice) {
    const from = BLOCK_BYTES * anywhere(dice, bytes.length / BLOCK_BYTES);
    return joined([
      bytes.slice(0, from),
      bytes.slice(from + BLOCK_BYTES * (1 + anywhere(dice, 3))),
      new Uint8Array(dice.chance(0.5) ? BLOCK_BYTES : 0),
    ]);
  },
  function forgeHeader(bytes, dice) {
    const headers: number[] = [];
    for (let at = 0; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES)
      if (Buffer.from(bytes.subarray(at + 257, at + 262)).toString('latin1') === 'ustar') headers.push(at);
    if (headers.length === 0) return bytes.slice(1);
    const at = pick(dice, headers);
    const name =
      Buffer.from(bytes.subarray(at, at + 100))
        .toString('latin1')
        .split('\0')[0] || 'x';
    const changed = bytes.slice();
    const size = Number.parseInt(Buffer.from(bytes.subarray(at + 124, at + 135)).toString('latin1'), 8) || 0;
    changed.set(forgedHeader(name, size, pick(dice, FORGERIES)(dice)), at);
    return changed;
  },
  (bytes, dice) => {
    const cut = BLOCK_BYTES * anywhere(dice, Math.min(bytes.length, OTHER.length) / BLOCK_BYTES);
    return joined([bytes.slice(0, cut), OTHER.slice(cut)]);
  },
  (_, dice) => randomBytes(dice, anywhere(dice, 3_000)),
];

/** An archive that a stranger has tampered with. */
export function hostileArchive(dice: Dice): Uint8Array {
  let bytes: Uint8Array = GENUINE;
  do bytes = pick(dice, MUTATIONS)(bytes, dice);
  while (dice.chance(0.3));
  return bytes;
}

const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  '../../x',
  '/etc/passwd',
  '\u0000',
  'é',
  '9.9.9',
  '0.0.1',
  'x'.repeat(5_000),
  [],
  {},
  [[[[]]]],
  { __proto__: null, constructor: 1 },
  'manifest.json',
  'model.onnx',
  'crack',
  'a'.repeat(64),
];

/** Every place of a JSON value, as paths. */
function placesIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

function changedAt(value: unknown, path: readonly string[], dice: Dice): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return pick(dice, VALUES);
  const copy: Record<string, unknown> = Array.isArray(value)
    ? (Object.assign([], value) as unknown as Record<string, unknown>)
    : { ...(value as Record<string, unknown>) };
  if (rest.length > 0 || dice.chance(0.6)) copy[key] = changedAt(copy[key], rest, dice);
  else if (Array.isArray(copy)) copy.push(copy[Number(key)]);
  else delete copy[key];
  return copy;
}

/** An archive with a manifest that makes no sense and bears the vendor's own signature: the parser behind it is tried. */
export function hostileManifest(dice: Dice): Uint8Array {
  let manifest: unknown = BASE.manifest;
  do manifest = changedAt(manifest, pick(dice, placesIn(manifest)), dice);
  while (dice.chance(0.4));
  let text = Buffer.from(JSON.stringify(manifest) ?? 'null');
  if (dice.chance(0.3)) {
    const [from, to] = [anywhere(dice, text.length), anywhere(dice, text.length)];
    text = Buffer.concat([text.subarray(0, from), text.subarray(to)]);
  }
  const bundle: SmallBundle = { ...BASE, manifestBytes: new Uint8Array(text) };
  return archiveOfBundle(bundle, VENDOR);
}

function isExpected(code: string | null): boolean {
  if (code === null) return true;
  return (ERROR_CODES as readonly string[]).includes(code) && code.startsWith('BUNDLE_');
}

/**
 * Throws hostile files at a vehicle.
 *
 * @param make gives the next file; two calls with equal dice give the same
 * @param mayBeTaken whether a file that is another than the genuine one may pass: only the vendor can sign such
 */
export async function fuzz(
  attempts: number,
  dice: Dice,
  make: (dice: Dice) => Uint8Array,
  mayBeTaken: boolean,
  onProgress: (done: number) => void = () => undefined,
): Promise<FuzzReport> {
  const codes: Record<string, number> = {};
  const harm: string[] = [];
  let largestRead = 0;
  let mostWritten = 0;
  let vehicle = await Vehicle.ready();
  for (let number = 1; number <= attempts; number++) {
    if (number % ATTEMPTS_A_VEHICLE === 0) {
      vehicle = await Vehicle.ready();
      onProgress(number);
    }
    const archive = make(dice);
    const outcome = await vehicle.attack(archive);
    const { code, largestRead: reads, written } = outcome;
    codes[code ?? 'taken'] = (codes[code ?? 'taken'] ?? 0) + 1;
    largestRead = Math.max(largestRead, reads);
    mostWritten = Math.max(mostWritten, written);
    const tell = (what: string): void => void harm.push(`attempt ${number}: ${what}`);
    for (const each of outcome.harm) tell(each);
    if (!isExpected(code)) tell(`${code}: ${outcome.message}`);
    if (outcome.read > archive.byteLength + 1) tell(`${outcome.read} bytes were read`);
    if (written > archive.byteLength + SLACK_BYTES) tell(`${written} bytes were written`);
    if (code === null) {
      if (!mayBeTaken && ![GENUINE, OTHER].some((own) => Buffer.compare(archive, own) === 0))
        tell('a file that was tampered with was taken');
      vehicle = await Vehicle.ready();
    }
  }
  return { codes, harm, largestRead, mostWritten };
}
