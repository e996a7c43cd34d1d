import type { Label, Verdict } from '../domain/verdict.ts';

/** What both models say of one frame. */
export interface ComparedFrame {
  readonly file: string;
  readonly a: FrameVerdict;
  readonly b: FrameVerdict;
  /** The largest difference of a probability, 0 to 1; 1 where one is blind and the other is not. */
  readonly difference: number;
}

export interface FrameVerdict {
  readonly label: Label | null;
  readonly blind: string | null;
  readonly probabilities: Readonly<Record<string, number>>;
  readonly ms: number;
}

/** Both models over all frames. */
export interface Comparison {
  readonly frames: number;
  readonly unreadable: readonly string[];
  readonly alike: number;
  /** `a` then `b`: how many frames have these two words; `blind` is one of them. */
  readonly table: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly blind: { readonly a: number; readonly b: number };
  /** Median time of decode, preprocess and inference, ms. */
  readonly ms: { readonly a: number; readonly b: number };
  /** Frames of other words, the largest difference first. */
  readonly unlike: readonly ComparedFrame[];
  /** The largest difference of a probability among frames of the same word. */
  readonly largestAlike: number;
}

/** The label, or `blind`. */
export function wordOf({ label }: Pick<FrameVerdict, 'label'>): string {
  return label ?? 'blind';
}

function verdictOf({ label, blind, probabilities, stages }: Verdict): FrameVerdict {
  const rounded = Object.entries(probabilities).map(([name, value]) => [name, Number(value.toFixed(6))]);
  const ms = Number((stages.decode + stages.preprocess + stages.infer).toFixed(2));
  return { label, blind, probabilities: Object.fromEntries(rounded), ms };
}

export function comparedFrame(file: string, one: Verdict, other: Verdict): ComparedFrame {
  const [a, b] = [verdictOf(one), verdictOf(other)];
  const names = Object.keys({ ...a.probabilities, ...b.probabilities });
  const steps = names.map((name) => Math.abs((a.probabilities[name] ?? 0) - (b.probabilities[name] ?? 0)));
  const difference = (a.label === null) === (b.label === null) ? Math.max(0, ...steps) : 1;
  return { file, a, b, difference };
}

function median(values: readonly number[]): number {
  return values.toSorted((x, y) => x - y)[Math.floor(values.length / 2)] ?? 0;
}

/** Counts the frames of both. */
export function comparisonOf(frames: readonly ComparedFrame[], unreadable: readonly string[]): Comparison {
  const table: Record<string, Record<string, number>> = {};
  for (const { a, b } of frames) {
    const row = table[wordOf(a)] ?? {};
    table[wordOf(a)] = row;
    row[wordOf(b)] = (row[wordOf(b)] ?? 0) + 1;
  }
  const alike = frames.filter(({ a, b }) => wordOf(a) === wordOf(b));
  return {
    frames: frames.length,
    unreadable,
    alike: alike.length,
    table,
    blind: {
      a: frames.filter(({ a }) => a.label === null).length,
      b: frames.filter(({ b }) => b.label === null).length,
    },
    ms: { a: median(frames.map(({ a }) => a.ms)), b: median(frames.map(({ b }) => b.ms)) },
    unlike: frames
      .filter(({ a, b }) => wordOf(a) !== wordOf(b))
      .toSorted((x, y) => y.difference - x.difference),
    largestAlike: Math.max(0, ...alike.map(({ difference }) => difference)),
  };
}
