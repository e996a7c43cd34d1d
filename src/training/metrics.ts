import type { ClassName, Label } from '../domain/verdict.ts';
import { CLASS_ORDER } from './samples.ts';

/** Labels in the order of a confusion matrix's columns; `blind` stands for "could not be judged". */
export const JUDGEMENTS: readonly (Label | 'blind')[] = [...CLASS_ORDER, 'unsure', 'blind'];

export type Judgement = (typeof JUDGEMENTS)[number];

/** How many pictures of each true class were judged what. */
export interface ConfusionMatrix {
  readonly counts: Readonly<Record<ClassName, Readonly<Record<Judgement, number>>>>;
}

/** One true class with what was said. */
export interface Judged {
  readonly truth: ClassName;
  readonly judgement: Judgement;
}

export function confusionMatrix(judged: Iterable<Judged>): ConfusionMatrix {
  const row = (): Record<Judgement, number> => ({ corrosion: 0, crack: 0, intact: 0, unsure: 0, blind: 0 });
  const counts = { corrosion: row(), crack: row(), intact: row() };
  for (const { truth, judgement } of judged) counts[truth][judgement]++;
  return { counts };
}

/** Share of a class's pictures that were called by its name, `unsure` and `blind` counting against it; null for none. */
export function recall(matrix: ConfusionMatrix, name: ClassName): number | null {
  const row = matrix.counts[name];
  const all = JUDGEMENTS.reduce((sum, judgement) => sum + row[judgement], 0);
  return all === 0 ? null : row[name] / all;
}

/** Share of the pictures called by a class's name that are of it; null where none was called so. */
export function precision(matrix: ConfusionMatrix, name: ClassName): number | null {
  const called = CLASS_ORDER.reduce((sum, truth) => sum + matrix.counts[truth][name], 0);
  return called === 0 ? null : matrix.counts[name][name] / called;
}

/** Mean recall over the classes that occur; null where none does. */
export function balancedRecall(matrix: ConfusionMatrix): number | null {
  const recalls = CLASS_ORDER.map((name) => recall(matrix, name)).filter((value) => value !== null);
  return recalls.length === 0 ? null : recalls.reduce((sum, value) => sum + value, 0) / recalls.length;
}

/** The matrix as lines of text, one row for each true class, with recall and precision. */
export function confusionLines(matrix: ConfusionMatrix): string[] {
  const share = (value: number | null): string => (value === null ? '-' : value.toFixed(3));
  const rows = [
    ['true \\ said', ...JUDGEMENTS, 'recall', 'precision'],
    ...CLASS_ORDER.map((name) => [
      name,
      ...JUDGEMENTS.map((judgement) => String(matrix.counts[name][judgement])),
      share(recall(matrix, name)),
      share(precision(matrix, name)),
    ]),
  ];
  return textTable(rows);
}

/** Rows as aligned columns; the first column to the left, all others to the right. */
export function textTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}
