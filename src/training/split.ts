import type { Random } from './random.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';

/** Three sides of a data set that share no group. */
export interface Split {
  readonly training: readonly Sample[];
  /** For choices: when to stop, thresholds. */
  readonly validation: readonly Sample[];
  /** For the figures that are reported; nothing is chosen on it. */
  readonly heldOut: readonly Sample[];
  /** Rendered pictures on grounds of the other two sides: used nowhere. */
  readonly unused: readonly Sample[];
}

export interface SplitShares {
  /** Share of the samples, 0..1. */
  readonly validation: number;
  readonly heldOut: number;
}

/** A side without a class takes the smallest group that has it, where so many groups do. */
const LEAST_GROUPS = 3;

/**
 * Splits by group, so that every group is on one side. Each class of each source aims at the same shares:
 * groups come in random order, and a side takes a group when that brings it nearer to its aim.
 * A source with few, large groups may therefore be on the training side alone; a class never is where three groups
 * have it.
 * Rendered pictures are learnt from where their ground is on the training side or on none, and never measured on.
 */
export function splitByGroup(all: readonly Sample[], shares: SplitShares, random: Random): Split {
  const samples = all.filter(({ rendered }) => !rendered);
  const rendered = all.filter((sample) => sample.rendered);
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const members = groups.get(sample.group);
    if (members) members.push(sample);
    else groups.set(sample.group, [sample]);
  }
  const names = random.shuffled([...groups.keys()].sort());
  const totals = countStrata(samples);
  const sizeOf = (name: string): number => groups.get(name)?.length ?? 0;
  const take = (share: number, from: readonly string[]): Set<string> => {
    const taken = new Set<string>();
    const counts = new Map<string, number>();
    for (const name of from) {
      const added = countStrata(groups.get(name) ?? []);
      let gain = 0;
      for (const [stratum, count] of added) {
        const aim = (totals.get(stratum) ?? 0) * share;
        const before = counts.get(stratum) ?? 0;
        gain += Math.abs(aim - before) - Math.abs(aim - before - count);
      }
      if (gain <= 0) continue;
      taken.add(name);
      for (const [stratum, count] of added) counts.set(stratum, (counts.get(stratum) ?? 0) + count);
    }
    for (const className of CLASS_ORDER) {
      const having = (name: string): boolean =>
        (groups.get(name) ?? []).some((sample) => mainClass(sample) === className);
      const candidates = from.filter((name) => having(name) && !taken.has(name));
      if ([...taken].some(having) || candidates.length < LEAST_GROUPS) continue;
      taken.add(candidates.reduce((a, b) => (sizeOf(b) < sizeOf(a) ? b : a)));
    }
    return taken;
  };
  const heldOut = take(shares.heldOut, names);
  const validation = take(
    shares.validation,
    names.filter((name) => !heldOut.has(name)),
  );
  const elsewhere = (group: string): boolean => heldOut.has(group) || validation.has(group);
  return {
    training: [...samples, ...rendered].filter(({ group }) => !elsewhere(group)),
    validation: samples.filter(({ group }) => validation.has(group)),
    heldOut: samples.filter(({ group }) => heldOut.has(group)),
    unused: rendered.filter(({ group }) => elsewhere(group)),
  };
}

/** Names of the groups among `samples`, sorted. */
export function groupsOf(samples: readonly Sample[]): string[] {
  return [...new Set(samples.map(({ group }) => group))].sort();
}

function countStrata(samples: readonly Sample[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const sample of samples) {
    const stratum = `${mainClass(sample)}/${sample.source}`;
    counts.set(stratum, (counts.get(stratum) ?? 0) + 1);
  }
  return counts;
}
