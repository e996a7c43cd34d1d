import { SpectaError } from '../platform/errors.ts';
import type { BundleId } from './admission.ts';
import { compareVersions } from './bundle-versions.ts';

/** What a slot points to: the bundle that came with SPECTA, whichever the configuration names, or an installed one. */
export type Pointer = { readonly kind: 'shipped' } | ({ readonly kind: 'installed' } & BundleId);

/**
 * A bundle on trial. `waiting`: asked for, not yet tried. `begun`: a daemon tries it, in the boot of this id; found in
 * another boot, that daemon has died of it or stopped before it was confirmed.
 */
export interface Trial {
  readonly bundle: BundleId;
  readonly phase: { readonly kind: 'waiting' } | { readonly kind: 'begun'; readonly boot: string };
  readonly requestedUtcMs: number;
}

/** How the last trial ended. */
export interface TrialEnd {
  readonly bundle: BundleId;
  readonly confirmed: boolean;
  /** Why it was not confirmed; null when it was. */
  readonly reason: string | null;
  readonly utcMs: number;
}

/** All slots of a vehicle: one value, kept in one file, so that every change of them is one rename. */
export interface Slots {
  readonly schema: 1;
  /** What serves. */
  readonly current: Pointer;
  /** What served before, for going back; null when there is nothing to go back to. */
  readonly previous: Pointer | null;
  readonly trial: Trial | null;
  readonly lastTrial: TrialEnd | null;
  /** The highest version of each name that ever served. Versions only rise above these. */
  readonly served: readonly BundleId[];
}

/** A vehicle that nobody has flashed. */
export const FIRST_SLOTS: Slots = {
  schema: 1,
  current: { kind: 'shipped' },
  previous: null,
  trial: null,
  lastTrial: null,
  served: [],
};

function isSame(pointer: Pointer, { name, version, digest }: BundleId): boolean {
  return (
    pointer.kind === 'installed' &&
    pointer.name === name &&
    pointer.version === version &&
    pointer.digest === digest
  );
}

function underway({ bundle }: Trial): SpectaError {
  return new SpectaError(
    'TRIAL_UNDERWAY',
    `${bundle.name}@${bundle.version} is on trial just now.`,
    'Wait for its end, or end it with `specta model rollback`.',
  );
}

function withServed(served: readonly BundleId[], { name, version, digest }: BundleId): BundleId[] {
  const before = served.find((each) => each.name === name);
  if (before !== undefined && compareVersions(before.version, version) > 0) return [...served];
  return [...served.filter((each) => each.name !== name), { name, version, digest }];
}

function switched(slots: Slots, bundle: BundleId): Slots {
  const { name, version, digest } = bundle;
  const isAlready = isSame(slots.current, bundle);
  return {
    ...slots,
    current: { kind: 'installed', name, version, digest },
    previous: isAlready ? slots.previous : slots.current,
    trial: null,
    served: withServed(slots.served, bundle),
  };
}

/** Puts a bundle on trial; one that waits is replaced. Throws `TRIAL_UNDERWAY` when one has begun. */
export function requestTrial(slots: Slots, { name, version, digest }: BundleId, utcMs: number): Slots {
  if (slots.trial?.phase.kind === 'begun') throw underway(slots.trial);
  const trial: Trial = {
    bundle: { name, version, digest },
    phase: { kind: 'waiting' },
    requestedUtcMs: utcMs,
  };
  return { ...slots, trial };
}

/** The daemon of this boot is about to load the bundle on trial: to be kept on disk before it does. */
export function beginTrial(slots: Slots, boot: string): Slots {
  const { trial } = slots;
  if (trial === null) throw noTrial();
  if (trial.phase.kind === 'begun') throw underway(trial);
  return { ...slots, trial: { ...trial, phase: { kind: 'begun', boot } } };
}

/** The trial is passed: its bundle serves from now on. Throws `SLOT_EMPTY` where this boot has begun none. */
export function confirmTrial(slots: Slots, boot: string, utcMs: number): Slots {
  const { trial } = slots;
  if (trial?.phase.kind !== 'begun' || trial.phase.boot !== boot) throw noTrial();
  const lastTrial: TrialEnd = { bundle: trial.bundle, confirmed: true, reason: null, utcMs };
  return { ...switched(slots, trial.bundle), lastTrial };
}

/** The trial is over and what served goes on serving. Without a trial nothing changes. */
export function endTrial(slots: Slots, reason: string, utcMs: number): Slots {
  const { trial } = slots;
  if (trial === null) return slots;
  return { ...slots, trial: null, lastTrial: { bundle: trial.bundle, confirmed: false, reason, utcMs } };
}

/** Switches without a trial. Throws `TRIAL_UNDERWAY` when one has begun; one that waits is given up. */
export function activate(slots: Slots, bundle: BundleId, utcMs: number): Slots {
  if (slots.trial?.phase.kind === 'begun') throw underway(slots.trial);
  return switched(endTrial(slots, 'another bundle was activated', utcMs), bundle);
}

/**
 * One step back: ends a trial, or else brings back what served before. What was left cannot be come back to by another
 * rollback, which would be the bad one again. Throws `SLOT_EMPTY`.
 */
export function rollback(slots: Slots, utcMs: number): Slots {
  if (slots.trial !== null) return endTrial(slots, 'ended by hand', utcMs);
  if (slots.previous === null) {
    throw new SpectaError(
      'SLOT_EMPTY',
      'There is nothing to go back to: no other bundle has served before this one.',
      'See `specta model list`; `specta model activate NAME@VERSION` takes one that is installed.',
    );
  }
  return { ...slots, current: slots.previous, previous: null };
}

/** A daemon starts: a trial that another boot began has not been confirmed, and so has failed. */
export function atStart(slots: Slots, boot: string, utcMs: number): Slots {
  const { trial } = slots;
  if (trial?.phase.kind !== 'begun' || trial.phase.boot === boot) return slots;
  return endTrial(slots, 'SPECTA ended before the trial did', utcMs);
}

/** The installed bundles that a slot points to. */
export function neededBy({ current, previous, trial }: Slots): BundleId[] {
  const pointers = [current, previous].filter((pointer) => pointer?.kind === 'installed');
  return [...pointers, ...(trial === null ? [] : [trial.bundle])];
}

function noTrial(): SpectaError {
  return new SpectaError(
    'SLOT_EMPTY',
    'No bundle is on trial.',
    'Put one there with `specta model activate NAME@VERSION`.',
  );
}
