import type { SQLOutputValue } from 'node:sqlite';

/** One row as node:sqlite gives it. */
export type Row = Readonly<Record<string, SQLOutputValue>>;

function wrong(column: string, wanted: string, value: SQLOutputValue | undefined): TypeError {
  return new TypeError(`Column ${column} holds ${value === null ? 'null' : typeof value}, not ${wanted}.`);
}

/** The text in a column; throws when it holds anything else. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw wrong(column, 'text', value);
  return value;
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

/** The number in a column; throws when it holds anything else. */
export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw wrong(column, 'a number', value);
  return value;
}

export function numberOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : number(row, column);
}

/** The bytes in a column; throws when it holds anything else. */
export function bytes(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw wrong(column, 'bytes', value);
  return value;
}

/** A value kept as JSON in a column. The record wrote it itself, in the form that its schema version fixes. */
export function stored<T>(row: Row, column: string): T {
  return JSON.parse(text(row, column)) as T;
}
