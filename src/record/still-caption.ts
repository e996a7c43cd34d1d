import type { Advice } from '../domain/finding.ts';
import type { ClassName, DefectClass, ModelReference, Verdict } from '../domain/verdict.ts';
import type { Caption } from './annotate.ts';

/** From which probability a defect counts, and what is to be done about it. */
export type DefectWords = Readonly<
  Partial<Record<DefectClass, { readonly on: number; readonly advice: Advice | null }>>
>;

/** What was said of a still, and by which model. */
export type JudgedStill = Pick<Verdict, 'label' | 'blind' | 'probabilities'> & {
  readonly model: Pick<ModelReference, 'name' | 'version'>;
};

function adviceOf(name: DefectClass, defects: DefectWords): string[] {
  const advice = defects[name]?.advice;
  return advice ? [advice.en, advice.id] : [];
}

/** The words drawn on a still: what it shows, the repair recommended for each defect in it, and what said so. */
export function stillCaption(verdict: JudgedStill, defects: DefectWords): Caption {
  const { label, blind, probabilities } = verdict;
  const model = `${verdict.model.name} ${verdict.model.version}: a screening aid, a person must look`;
  const named = (name: ClassName): string =>
    `${name.toUpperCase()} ${Math.round((probabilities[name] ?? 0) * 100)} %`;
  if (label === null) return { title: `CANNOT SEE: ${blind}`, lines: [model], tone: 'neutral' };
  if (label === 'unsure') return { title: 'UNSURE', lines: [model], tone: 'neutral' };
  if (label === 'intact') return { title: named('intact'), lines: [model], tone: 'neutral' };
  const others = (['crack', 'corrosion'] as const).filter(
    (name) => name !== label && (probabilities[name] ?? 0) >= (defects[name]?.on ?? 2),
  );
  const also = others.flatMap((name) => [`also ${named(name)}`, ...adviceOf(name, defects)]);
  return { title: named(label), lines: [...adviceOf(label, defects), ...also, model], tone: label };
}
