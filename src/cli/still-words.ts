import type { Manifest } from '../domain/manifest.ts';
import type { ClassName, DefectClass, Verdict } from '../domain/verdict.ts';
import type { Caption } from '../record/annotate.ts';
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

function adviceOf(name: DefectClass, manifest: Manifest): string[] {
  const advice = manifest.defects[name]?.advice;
  return advice ? [advice.en, advice.id] : [];
}

/** The words drawn on a still: what it shows, the repair recommended for each defect in it, and what said so. */
export function stillCaption(verdict: Verdict, manifest: Manifest): Caption {
  const { label, blind, probabilities } = verdict;
  const model = `${verdict.model.name} ${verdict.model.version}: a screening aid, a person must look`;
  const named = (name: ClassName): string =>
    `${name.toUpperCase()} ${Math.round((probabilities[name] ?? 0) * 100)} %`;
  if (label === null) return { title: `CANNOT SEE: ${blind}`, lines: [model], tone: 'neutral' };
  if (label === 'unsure') return { title: 'UNSURE', lines: [model], tone: 'neutral' };
  if (label === 'intact') return { title: named('intact'), lines: [model], tone: 'neutral' };
  const others = (['crack', 'corrosion'] as const).filter(
    (name) => name !== label && (probabilities[name] ?? 0) >= (manifest.defects[name]?.on ?? 2),
  );
  const also = others.flatMap((name) => [`also ${named(name)}`, ...adviceOf(name, manifest)]);
  return { title: named(label), lines: [...adviceOf(label, manifest), ...also, model], tone: label };
}
