import { shortened } from './terminal.ts';

const ESC = '\x1b[';
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}2J`;
const LEAVE = `${ESC}?25h${ESC}?1049l`;
/** Terminals that know synchronised output show a whole picture or none; the others ignore this. */
const BEGIN = `${ESC}?2026h${ESC}H`;
const END = `${ESC}?2026l`;

/** Size of a terminal that tells none. */
const COLUMNS = 100;
const ROWS = 40;

/**
 * A picture of lines that stays in place on a terminal's second screen. Closing it brings back the cursor and what was
 * there before; so does the end of the process, however it comes but by SIGKILL.
 */
export class LiveScreen implements Disposable {
  private readonly stream: NodeJS.WriteStream;
  private shown: string | null = null;
  private open = true;
  private readonly onResize = (): void => {
    this.shown = null;
    this.stream.write(`${ESC}2J`);
  };
  private readonly onExit = (): void => this.close();

  constructor(stream: NodeJS.WriteStream) {
    this.stream = stream;
    stream.write(ENTER);
    stream.on('resize', this.onResize);
    process.once('exit', this.onExit);
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return { columns: this.stream.columns || COLUMNS, rows: this.stream.rows || ROWS };
  }

  /** Shows the lines in place of those before; what does not fit is cut. Writes nothing when nothing has changed. */
  draw(lines: readonly string[]): void {
    if (!this.open) return;
    const { columns, rows } = this.size;
    const text = lines
      .slice(0, rows)
      .map((line) => `${shortened(line, columns)}${ESC}K`)
      .join('\r\n');
    if (text === this.shown) return;
    this.shown = text;
    this.stream.write(`${BEGIN}${text}${ESC}J${END}`);
  }

  /** Idempotent. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    this.stream.off('resize', this.onResize);
    process.off('exit', this.onExit);
    this.stream.write(LEAVE);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
