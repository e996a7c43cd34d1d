/**
 * Letters as strokes. Text on evidence must be readable on a board that has no fonts at all, and must look the same
 * on every one: so it is drawn as paths, never as SVG text (which also leaves nothing to escape).
 *
 * Each glyph stands on a grid of 4 x 6 units: top of capitals y = 0, of small letters y = 2, base line y = 6,
 * descenders down to y = 8.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  A: 'M0 6L2 0L4 6M.8 4H3.2',
  B: 'M0 0V6H2.4Q4 6 4 4.4Q4 2.9 2.4 2.9H0M2.4 2.9Q3.7 2.9 3.7 1.4Q3.7 0 2.2 0H0',
  C: 'M4 1.3Q3.5 0 2.1 0Q0 0 0 3Q0 6 2.1 6Q3.5 6 4 4.7',
  D: 'M0 0V6H1.7Q4 6 4 3Q4 0 1.7 0Z',
  E: 'M4 0H0V6H4M0 2.9H3.3',
  F: 'M4 0H0V6M0 2.9H3.3',
  G: 'M4 1.3Q3.5 0 2.1 0Q0 0 0 3Q0 6 2.1 6Q3.6 6 4 5V3.2H2.2',
  H: 'M0 0V6M4 0V6M0 2.9H4',
  I: 'M.8 0H3.2M2 0V6M.8 6H3.2',
  J: 'M1.4 0H3.6V4.4Q3.6 6 1.9 6Q.2 6 .1 4.4',
  K: 'M0 0V6M3.9 0L0 3.6M1.4 2.4L4 6',
  L: 'M0 0V6H3.8',
  M: 'M0 6V0L2 3.4L4 0V6',
  N: 'M0 6V0L4 6V0',
  O: 'M2 0Q0 0 0 3Q0 6 2 6Q4 6 4 3Q4 0 2 0Z',
  P: 'M0 6V0H2.3Q4 0 4 1.7Q4 3.4 2.3 3.4H0',
  Q: 'M2 0Q0 0 0 3Q0 6 2 6Q4 6 4 3Q4 0 2 0ZM2.4 4.3L4.2 6.6',
  R: 'M0 6V0H2.3Q4 0 4 1.6Q4 3.2 2.3 3.2H0M2.1 3.2L4 6',
  S: 'M3.8 1.1Q3.3 0 2 0Q.2 0 .2 1.5Q.2 2.6 2 2.9Q4 3.2 4 4.5Q4 6 2 6Q.4 6 0 4.8',
  T: 'M0 0H4M2 0V6',
  U: 'M0 0V4Q0 6 2 6Q4 6 4 4V0',
  V: 'M0 0L2 6L4 0',
  W: 'M-.2 0L.9 6L2 2L3.1 6L4.2 0',
  X: 'M0 0L4 6M4 0L0 6',
  Y: 'M0 0L2 3.1L4 0M2 3.1V6',
  Z: 'M0 0H4L0 6H4',
  a: 'M.4 2.6Q.9 2 2 2Q3.6 2 3.6 3.5V6M3.6 3.7Q.1 3.5 .1 4.9Q.1 6 1.5 6Q3.2 6 3.6 4.7',
  b: 'M.2 0V6M.2 3.5Q.6 2 2.1 2Q3.9 2 3.9 4Q3.9 6 2.1 6Q.6 6 .2 4.5',
  c: 'M3.7 2.9Q3.2 2 2.1 2Q.2 2 .2 4Q.2 6 2.1 6Q3.2 6 3.7 5.1',
  d: 'M3.8 0V6M3.8 3.5Q3.4 2 1.9 2Q.1 2 .1 4Q.1 6 1.9 6Q3.4 6 3.8 4.5',
  e: 'M.2 3.9H3.8Q3.8 2 2 2Q.2 2 .2 4Q.2 6 2.1 6Q3.2 6 3.7 5.2',
  f: 'M3.6 .2Q1.6 -.4 1.6 1.4V6M.3 2.2H3.3',
  g: 'M3.8 2V6.2Q3.8 8 2 8Q.8 8 .4 7.2M3.8 3.5Q3.4 2 1.9 2Q.1 2 .1 4Q.1 5.9 1.9 5.9Q3.4 5.9 3.8 4.5',
  h: 'M.3 0V6M.3 3.6Q.8 2 2.2 2Q3.7 2 3.7 3.7V6',
  i: 'M.9 2H2.1V6M.8 6H3.4M2 .3V.4',
  j: 'M1.2 2H2.8V6.4Q2.8 8 1.2 8Q.7 8 .4 7.8M2.7 .3V.4',
  k: 'M.4 0V6M3.5 2L.4 4.5M1.5 3.7L3.8 6',
  l: 'M.7 0H2V4.9Q2 6 3.4 6',
  m: 'M0 2V6M0 3.2Q.2 2 1 2Q2 2 2 3.2V6M2 3.2Q2.2 2 3 2Q4 2 4 3.2V6',
  n: 'M.3 2V6M.3 3.6Q.8 2 2.2 2Q3.7 2 3.7 3.7V6',
  o: 'M2 2Q.1 2 .1 4Q.1 6 2 6Q3.9 6 3.9 4Q3.9 2 2 2Z',
  p: 'M.2 2V8M.2 3.5Q.6 2 2.1 2Q3.9 2 3.9 4Q3.9 6 2.1 6Q.6 6 .2 4.5',
  q: 'M3.8 2V8M3.8 3.5Q3.4 2 1.9 2Q.1 2 .1 4Q.1 6 1.9 6Q3.4 6 3.8 4.5',
  r: 'M.8 2V6M.8 3.8Q1.2 2 2.6 2Q3.3 2 3.7 2.4',
  s: 'M3.6 2.7Q3.1 2 2 2Q.4 2 .4 3Q.4 3.8 2 4Q3.8 4.2 3.8 5Q3.8 6 2 6Q.7 6 .2 5.2',
  t: 'M1.6 .6V4.6Q1.6 6 2.8 6Q3.4 6 3.7 5.8M.3 2.1H3.4',
  u: 'M.3 2V4.3Q.3 6 1.8 6Q3.2 6 3.7 4.4M3.7 2V6',
  v: 'M.2 2L2 6L3.8 2',
  w: 'M-.1 2L1 6L2 3L3 6L4.1 2',
  x: 'M.3 2L3.7 6M3.7 2L.3 6',
  y: 'M.2 2L2.1 6M3.8 2L1.7 7.2Q1.3 8 .3 8',
  z: 'M.4 2H3.6L.4 6H3.6',
  '0': 'M2 0Q.1 0 .1 3Q.1 6 2 6Q3.9 6 3.9 3Q3.9 0 2 0ZM1.1 4.6L2.9 1.4',
  '1': 'M.6 1.5L2.2 0V6M.7 6H3.6',
  '2': 'M.1 1.5Q.3 0 2 0Q3.8 0 3.8 1.6Q3.8 2.7 2.6 3.6L.1 6H3.9',
  '3': 'M.2 1.1Q.6 0 2 0Q3.7 0 3.7 1.5Q3.7 2.9 1.9 2.9H1.4M1.9 2.9Q3.9 2.9 3.9 4.4Q3.9 6 2 6Q.4 6 .1 4.7',
  '4': 'M3 6V0L0 4.2H4',
  '5': 'M3.7 0H.6L.3 2.8Q1 2.2 2 2.2Q3.9 2.2 3.9 4.1Q3.9 6 2 6Q.4 6 .1 4.8',
  '6': 'M3.5 .7Q3 0 2.1 0Q.1 0 .1 3.6Q.1 6 2 6Q3.9 6 3.9 4.2Q3.9 2.5 2.1 2.5Q.6 2.5 .1 4',
  '7': 'M.1 0H3.9L1.5 6',
  '8': 'M2 0Q.4 0 .4 1.4Q.4 2.8 2 2.8Q3.6 2.8 3.6 1.4Q3.6 0 2 0ZM2 2.8Q.1 2.8 .1 4.4Q.1 6 2 6Q3.9 6 3.9 4.4Q3.9 2.8 2 2.8Z',
  '9': 'M.5 5.3Q1 6 1.9 6Q3.9 6 3.9 2.4Q3.9 0 2 0Q.1 0 .1 1.8Q.1 3.5 1.9 3.5Q3.4 3.5 3.9 2',
  ' ': '',
  '.': 'M1.9 5.7H2.1V6H1.9Z',
  ',': 'M2.1 5.6V6L1.5 7.1',
  ':': 'M1.9 2.6H2.1V2.9H1.9ZM1.9 5.5H2.1V5.8H1.9Z',
  ';': 'M1.9 2.6H2.1V2.9H1.9ZM2.1 5.6V6L1.5 7.1',
  '!': 'M2 0V4M1.9 5.7H2.1V6H1.9Z',
  '?': 'M.4 1.3Q.6 0 2 0Q3.7 0 3.7 1.4Q3.7 2.3 2.7 2.9Q2 3.3 2 4.2M1.9 5.7H2.1V6H1.9Z',
  '-': 'M.6 3.4H3.4',
  _: 'M0 6.8H4',
  '+': 'M2 1.5V5.3M.1 3.4H3.9',
  '*': 'M2 .8V4.2M.5 1.6L3.5 3.4M3.5 1.6L.5 3.4',
  '/': 'M3.7 -.3L.3 6.5',
  '\\': 'M.3 -.3L3.7 6.5',
  '|': 'M2 -.5V7.2',
  '(': 'M2.9 -.5Q1.2 1 1.2 3.2Q1.2 5.5 2.9 7',
  ')': 'M1.1 -.5Q2.8 1 2.8 3.2Q2.8 5.5 1.1 7',
  '[': 'M2.9 -.5H1.3V7H2.9',
  ']': 'M1.1 -.5H2.7V7H1.1',
  '{': 'M3.2 -.5Q1.9 -.5 1.9 .8V2.2Q1.9 3.2 .9 3.2Q1.9 3.2 1.9 4.3V5.7Q1.9 7 3.2 7',
  '}': 'M.8 -.5Q2.1 -.5 2.1 .8V2.2Q2.1 3.2 3.1 3.2Q2.1 3.2 2.1 4.3V5.7Q2.1 7 .8 7',
  '<': 'M3.6 1.2L.4 3.4L3.6 5.6',
  '>': 'M.4 1.2L3.6 3.4L.4 5.6',
  '=': 'M.3 2.5H3.7M.3 4.3H3.7',
  '%': 'M3.7 0L.3 6M.9 .1Q0 .1 0 1.2Q0 2.3 .9 2.3Q1.8 2.3 1.8 1.2Q1.8 .1 .9 .1ZM3.1 3.7Q2.2 3.7 2.2 4.8Q2.2 5.9 3.1 5.9Q4 5.9 4 4.8Q4 3.7 3.1 3.7Z',
  '#': 'M1.4 .4L.8 5.8M3.2 .4L2.6 5.8M.1 2.1H4M0 4.2H3.9',
  '&': 'M4 6L1 2Q.5 1.3 .8 .7Q1.2 0 2 0Q3.1 .1 3 1.2Q2.9 2 1.5 2.8Q.1 3.6 .1 4.6Q.1 6 1.6 6Q3.4 6 3.8 3.6',
  '@': 'M2.9 2.4V4Q3 4.7 3.5 4.6Q4 4.4 4 3Q4 .2 2.1 .2Q0 .2 0 3.2Q0 6.2 2.2 6.2Q3 6.2 3.6 5.8M2.9 3.2Q2.9 2.1 2.1 2.1Q1.2 2.2 1.2 3.4Q1.2 4.6 2 4.6Q2.8 4.5 2.9 3.4',
  $: 'M3.7 1.4Q3.3 .5 2 .5Q.3 .5 .3 1.8Q.3 2.7 2 3Q3.8 3.3 3.8 4.3Q3.8 5.6 2 5.6Q.5 5.6 .1 4.5M2 -.4V6.5',
  '^': 'M.6 2L2 0L3.4 2',
  '~': 'M.2 3.8Q.9 2.6 2 3.4Q3.1 4.2 3.8 3',
  '`': 'M1.4 0L2.4 1.2',
  "'": 'M2 0V1.6',
  '"': 'M1.3 0V1.6M2.7 0V1.6',
  '°': 'M2 0Q1 0 1 1.1Q1 2.2 2 2.2Q3 2.2 3 1.1Q3 0 2 0Z',
  '·': 'M1.9 3.2H2.1V3.5H1.9Z',
};

/** What stands for a character without a glyph: an empty box, so that it is seen that something is there. */
const UNKNOWN = 'M.3 0H3.7V6H.3Z';

/** Characters that are drawn as another of the same meaning. */
const STAND_INS: Readonly<Record<string, string>> = {
  '\u2013': '-',
  '\u2014': '-',
  '\u2212': '-',
  '\u2018': "'",
  '\u2019': "'",
  '\u201c': '"',
  '\u201d': '"',
  '\u2026': '...',
  '\u00a0': ' ',
  '\u00d7': 'x',
  '\t': ' ',
  '\n': ' ',
  '\r': ' ',
};

/** Width of one character with the gap behind it, and height from one line to the next, in units of the text size. */
export const ADVANCE = 0.66;
export const LINE_HEIGHT = 1.42;

/** Units of the glyph grid in one text size: capitals are 0.72 of it high. */
const UNIT = 0.72 / 6;

/** The text in characters that have a glyph where that can be: accents are taken off, look-alikes stand in. */
export function drawable(text: string): string {
  const plain = [...text].map((character) => STAND_INS[character] ?? character).join('');
  return plain.normalize('NFD').replace(/\p{M}/gu, '');
}

/**
 * Breaks a text into lines of at most `columns` characters, at spaces where there are any.
 * More than `mostLines` lines end with three dots in the last.
 */
export function wrap(text: string, columns: number, mostLines: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of drawable(text).split(/ +/).filter(Boolean)) {
    let rest = word;
    if (line !== '' && line.length + 1 + rest.length > columns) {
      lines.push(line);
      line = '';
    }
    while (rest.length > columns) {
      lines.push(rest.slice(0, columns));
      rest = rest.slice(columns);
    }
    line = line === '' ? rest : `${line} ${rest}`;
  }
  if (line !== '') lines.push(line);
  if (lines.length <= mostLines) return lines;
  const kept = lines.slice(0, mostLines);
  kept[mostLines - 1] = `${kept[mostLines - 1].slice(0, Math.max(0, columns - 3))}...`;
  return kept;
}

/**
 * One line of text as an SVG group of strokes.
 *
 * @param x left edge, px
 * @param y top of the capitals, px
 * @param size text size, px: capitals are 0.72 of it high
 * @param colour an SVG colour of ours, never of the text's author
 * @param weight stroke width in units of the glyph grid
 */
export function strokes(
  text: string,
  x: number,
  y: number,
  size: number,
  colour: string,
  weight: number,
): string {
  const scale = size * UNIT;
  const step = (size * ADVANCE) / scale;
  const letters = [...drawable(text)].map((character, column) => {
    const path = GLYPHS[character] ?? UNKNOWN;
    return path === '' ? '' : `<path transform="translate(${(column * step).toFixed(3)} 0)" d="${path}"/>`;
  });
  return (
    `<g transform="translate(${x} ${y}) scale(${scale.toFixed(4)})" fill="none" stroke="${colour}" ` +
    `stroke-width="${weight}" stroke-linecap="round" stroke-linejoin="round">${letters.join('')}</g>`
  );
}
