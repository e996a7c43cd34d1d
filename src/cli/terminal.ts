import { styleText } from 'node:util';

export { duration } from '../platform/duration.ts';

type Style = (text: string) => string;

/** Colours for a stream; plain text where it is no terminal or NO_COLOR is set. */
export interface Paint {
  readonly bold: Style;
  readonly dim: Style;
  readonly red: Style;
  readonly green: Style;
  readonly yellow: Style;
  readonly cyan: Style;
  readonly alarm: Style;
}

/** Whether a stream is a terminal that can move its cursor. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== 'dumb';
}

export function paint(stream: NodeJS.WriteStream): Paint {
  const on = isTerminal(stream) && (process.env.NO_COLOR ?? '') === '';
  const style =
    (format: Parameters<typeof styleText>[0]): Style =>
    (text) =>
      on ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: style('bold'),
    dim: style('dim'),
    red: style('red'),
    green: style('green'),
    yellow: style('yellow'),
    cyan: style('cyan'),
    alarm: style(['bgRed', 'white', 'bold']),
  };
}

/** The width of text on a terminal, colour sequences not counted. */
export function visibleWidth(text: string): number {
  // biome's rule against control characters is about mistakes; ESC is what a colour begins with.
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '').length;
}

/** The line without what is wider than `columns`; colours end where it was cut. */
export function shortened(line: string, columns: number): string {
  if (visibleWidth(line) <= columns) return line;
  let width = 0;
  let index = 0;
  while (index < line.length && width < columns - 1) {
    if (line[index] === '\x1b') index = line.indexOf('m', index) + 1;
    else {
      width += 1;
      index += 1;
    }
  }
  return `${line.slice(0, index)}${line.includes('\x1b') ? '\x1b[0m' : ''}…`;
}

/** Plain text in lines of at most `columns`, broken between words; longer words stand alone. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Rows as aligned columns, the first row as heading; columns of figures (all rows numeric) are right-aligned. */
export function table(rows: readonly (readonly string[])[], gap = '  '): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => visibleWidth(row[column] ?? ''))),
  );
  const numeric = widths.map((_, column) =>
    rows.slice(1).every((row) => /^[-+]?[\d.,]+( ?%| ms| s)?$/.test((row[column] ?? '').trim() || '0')),
  );
  return rows.map((row) =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? '';
        const pad = ' '.repeat(width - visibleWidth(cell));
        return numeric[column] ? pad + cell : cell + pad;
      })
      .join(gap)
      .trimEnd(),
  );
}

/** `1 finding`, `2 findings`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
