import { SpectaError } from '../platform/errors.ts';
import { findSamePictures, type SamePicture } from './duplicates.ts';
import { JoinedGroups } from './joined-groups.ts';
import { type DataSet, mainClass, type Sample } from './samples.ts';

/**
 * What to do about a picture that is in two groups: `refuse` the data, or `join` the groups, so that they are never
 * on two sides of a split.
 */
export type DuplicateRule = 'refuse' | 'join';

export interface CheckRequest {
  /** The samples' size, pixels. */
  readonly size: { readonly width: number; readonly height: number };
  readonly duplicates: DuplicateRule;
  /** Whether pictures of a single class are enough: for measuring, not for learning. */
  readonly oneClassWillDo: boolean;
}

const EXAMPLES = 3;

/**
 * Looks for what would make figures lie: the same picture in two classes, the same picture in two groups, exact copies
 * within a group (the first stays, the rest is left out and counted), and a single class. Everything found is said,
 * then the data is refused in one error. Frames of one run are alike by nature: they are compared between runs alone.
 * Throws `DATA_INVALID`.
 */
export function checkData(data: DataSet, request: CheckRequest, say: (line: string) => void): DataSet {
  const faults: string[] = [];
  const pairs = findSamePictures(data.samples, request.size).filter(
    ({ first, second }) => first.kind === 'still' || first.group !== second.group,
  );
  const fault = (what: string, found: readonly SamePicture[]): void => {
    if (found.length === 0) return;
    for (const each of found) say(`${what}: ${pairWords(each)}`);
    const examples = found.slice(0, EXAMPLES).map(pairWords).join('; ');
    faults.push(`${what} ${found.length === 1 ? 'once' : `${found.length} times`} (${examples})`);
  };
  const misfiled = pairs.filter(
    ({ first, second, kind }) =>
      mainClass(first) !== mainClass(second) && (kind === 'exact' || first.group !== second.group),
  );
  fault('the same picture in two classes', misfiled);
  const apart = pairs.filter((pair) => pair.first.group !== pair.second.group && !misfiled.includes(pair));
  if (request.duplicates === 'refuse') fault('the same picture in two groups', apart);
  const classes = new Set(data.samples.map(mainClass));
  if (classes.size === 1 && !request.oneClassWillDo) {
    say(`one class only: ${[...classes].join()}`);
    faults.push(`readable pictures of one class only: ${[...classes].join()}`);
  }
  if (classes.size === 0) faults.push('not one readable picture');
  if (faults.length > 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `the pictures cannot be used: ${faults.join('; ')}`,
      'Put each picture into one class and one group, or join the groups with --duplicates join; a network learns by telling classes apart, so give it at least two.',
    );
  }
  return joined(withoutCopies(data, pairs, say), apart);
}

function pairWords({ first, second, kind, likeness }: SamePicture): string {
  const how = kind === 'exact' ? 'exactly' : `${Math.round(likeness * 100)} % alike`;
  return `${first.name} and ${second.name} (${how})`;
}

function withoutCopies(data: DataSet, pairs: readonly SamePicture[], say: (line: string) => void): DataSet {
  const copies = new Map<Sample, Sample>();
  for (const { first, second, kind } of pairs) {
    if (kind === 'exact' && first.group === second.group && !copies.has(first)) copies.set(second, first);
  }
  if (copies.size === 0) return data;
  for (const [copy, kept] of copies) say(`left out: ${copy.name} is ${kept.name} again`);
  return {
    ...data,
    samples: data.samples.filter((sample) => !copies.has(sample)),
    leftOut: { ...data.leftOut, 'exact copies within a group': copies.size },
  };
}

/** Groups that share a picture become one, named after the first of them. */
function joined(data: DataSet, pairs: readonly SamePicture[]): DataSet {
  if (pairs.length === 0) return data;
  const groups = new JoinedGroups(data.joinedGroups);
  for (const { first, second } of pairs) {
    const [a, b] = [groups.nameOf(first.group), groups.nameOf(second.group)].sort();
    groups.join(a, b);
  }
  return {
    ...data,
    samples: data.samples.map((sample) => ({ ...sample, group: groups.nameOf(sample.group) })),
    joinedGroups: groups.names(),
  };
}
