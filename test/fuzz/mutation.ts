import fc from 'fast-check';

/** What breaks parsers, put into the middle of what they know. */
const TOKENS: readonly Uint8Array[] = [
  ...[
    '',
    '\0',
    '\r\n',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '$',
    '*',
    '&a',
    '*a',
    '!!binary',
    '-1',
    '0',
    '1e999',
    '-0',
    '9007199254740993',
    'NaN',
    'Infinity',
    'null',
    'true',
    '__proto__',
    'constructor',
    '../../etc/passwd',
    '\ud83d\ude80',
    '\ufeff',
    '%00',
  ].map((text) => new TextEncoder().encode(text)),
  Uint8Array.of(0xff),
  Uint8Array.of(0xff, 0xd8, 0xff),
  Uint8Array.of(0xff, 0xd9),
  Uint8Array.of(0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(0x00, 0x00, 0x00, 0x00),
  Uint8Array.of(0x80, 0xc0, 0xed, 0xa0, 0x80),
];

/** Depth and length that no sound file has. */
const FLOODS: readonly Uint8Array[] = ['[', '{"a":', '- ', '9', 'a', '$GPGGA,', '\n', '&a [*a,'].map((text) =>
  new TextEncoder().encode(text.repeat(20_000 / text.length)),
);

type Change = (bytes: Uint8Array) => Uint8Array;

function spliced(bytes: Uint8Array, at: number, removed: number, piece: Uint8Array): Uint8Array {
  const from = bytes.length === 0 ? 0 : at % (bytes.length + 1);
  const to = Math.min(bytes.length, from + removed);
  const changed = new Uint8Array(bytes.length - (to - from) + piece.length);
  changed.set(bytes.subarray(0, from));
  changed.set(piece, from);
  changed.set(bytes.subarray(to), from + piece.length);
  return changed;
}

const at = fc.nat({ max: 1_000_000 });
const length = fc.oneof(fc.nat({ max: 8 }), fc.nat({ max: 600 }));

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(at, fc.nat({ max: 7 })).map(
    ([place, bit]): Change =>
      (bytes) => {
        const changed = bytes.slice();
        if (changed.length > 0) changed[place % changed.length] ^= 1 << bit;
        return changed;
      },
  ),
  fc.tuple(at, fc.uint8Array({ maxLength: 12 })).map(
    ([place, piece]): Change =>
      (bytes) =>
        spliced(bytes, place, piece.length, piece),
  ),
  fc.tuple(at, length).map(
    ([place, removed]): Change =>
      (bytes) =>
        spliced(bytes, place, removed, new Uint8Array()),
  ),
  fc.tuple(at, at, length).map(
    ([from, to, count]): Change =>
      (bytes) =>
        spliced(bytes, to, 0, bytes.subarray(from % (bytes.length + 1), (from % (bytes.length + 1)) + count)),
  ),
  fc.tuple(at, length, fc.constantFrom(...TOKENS)).map(
    ([place, removed, token]): Change =>
      (bytes) =>
        spliced(bytes, place, removed, token),
  ),
  at.map(
    (end): Change =>
      (bytes) =>
        bytes.slice(0, end % (bytes.length + 1)),
  ),
);

const flood: fc.Arbitrary<Change> = fc.tuple(at, fc.constantFrom(...FLOODS)).map(
  ([place, piece]): Change =>
    (bytes) =>
      spliced(bytes, place, 0, piece),
);

/**
 * Bytes as a stranger, a torn cable or a dying disk would give them: whole samples with a few changes, now and then
 * flooded, and now and then nothing but noise.
 */
export function hostileBytes(samples: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([sample, changes]) => changes.reduce((bytes, apply) => apply(bytes), sample));
  const flooded = fc.tuple(fc.constantFrom(...samples), flood).map(([sample, apply]) => apply(sample));
  return fc.oneof(
    { weight: 16, arbitrary: changed },
    { weight: 1, arbitrary: flooded },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  );
}
