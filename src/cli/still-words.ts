import type { Verdict } from '../domain/verdict.ts';
import type { Paint } from './terminal.ts';

/** One line of `classify --json` for a picture that was judged; the keys are exactly these. */
export function verdictJson(file: string, verdict: Verdict, ms: number): string {
  const probabilities = Object.fromEntries(
    Object.entries(verdict.probabilities).map(([name, value]) => [name, Number(value.toFixed(6))]),
  );
  const { label, blind } = verdict;
  return JSON.stringify({ file, label, probabilities, blind, ms: Number(ms.toFixed(2)) });
}

/** The same for people. */
export function verdictLine(
  file: string,
  verdict: Verdict,
  { bold, dim, red, yellow, green }: Paint,
): string {
  const colours = { crack: red, corrosion: yellow, intact: green, unsure: dim };
  const word =
    verdict.label === null
      ? dim(`blind: ${verdict.blind}`.padEnd(16))
      : colours[verdict.label](bold(verdict.label.padEnd(16)));
  const figures = Object.entries(verdict.probabilities)
    .map(([name, value]) => `${name} ${value.toFixed(2)}`)
    .join('  ');
  return `${word} ${file}  ${dim(figures)}`;
}
