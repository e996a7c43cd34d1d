import type { BundleId } from '../../model/admission.ts';
import type { InstalledBundle } from '../../model/installed-bundle.ts';
import type { Pointer, Slots } from '../../model/slots.ts';
import type { TrialTally } from '../../model/trial.ts';
import { isoUtc } from '../../surface/messages/envelope.ts';
import type { ModelsOnBoard, TrialFacts } from '../../surface/messages/model.ts';
import type { DataOf } from '../../surface/messages/request.ts';
import type { ServingModel, Signature } from '../model-to-serve.ts';
import type { TrialUnderWay } from './trial-under-way.ts';

const NOTHING_SHOWN = {
  shown: 0,
  compared: 0,
  alike: 0,
  servingBlind: 0,
  trialBlind: 0,
  late: 0,
  errors: 0,
};

function nameOf({ name, version, digest }: BundleId): BundleId {
  return { name, version, digest };
}

function tallyFacts(tally: TrialTally): typeof NOTHING_SHOWN {
  const { shown, compared, alike, servingBlind, shadowBlind, late, errors } = tally;
  return { shown, compared, alike, servingBlind, trialBlind: shadowBlind, late, errors };
}

/** A trial as it is told: from the slots, and from the daemon that runs it, if it has begun. */
export function trialFacts(
  { trial }: Slots,
  signature: Signature,
  underWay: TrialUnderWay | null,
): TrialFacts | null {
  if (trial === null) return null;
  const head = { ...nameOf(trial.bundle), signature };
  if (underWay === null) {
    const phase = trial.phase.kind === 'waiting' ? 'waiting' : 'proving';
    return { ...head, phase, progress: 0, ...NOTHING_SHOWN, skipped: 0 };
  }
  const { state, progress, skipped } = underWay;
  if (state.kind === 'proving') return { ...head, phase: 'proving', progress, ...NOTHING_SHOWN, skipped };
  return { ...head, phase: 'shadow', progress, ...tallyFacts(state.tally), skipped };
}

export function lastTrialFacts({ lastTrial }: Slots): ModelsOnBoard['lastTrial'] {
  if (lastTrial === null) return null;
  const { bundle, confirmed, reason, utcMs } = lastTrial;
  return { ...nameOf(bundle), passed: confirmed, reason, at: isoUtc(utcMs) };
}

export function servingFacts(
  { bundle: { manifest, digest } }: ServingModel,
  onBoard: ModelsOnBoard,
): DataOf<'status'>['model'] {
  const { name, version, createdAt } = manifest;
  return { name, version, digest, createdAt, ...onBoard };
}

export function pointerFacts(pointer: Pointer): DataOf<'model/rollback'>['current'] {
  return pointer.kind === 'shipped' ? 'shipped' : nameOf(pointer);
}

export function installedFacts({
  id,
  slots,
  signedBy,
  bytes,
  manifest,
  fault,
}: InstalledBundle): DataOf<'model/list'>['bundles'][number] {
  const createdAt = manifest?.createdAt ?? null;
  return {
    ...nameOf(id),
    slots: [...slots],
    signedBy,
    bytes,
    createdAt,
    fault: fault === null ? null : `${fault.message} [${fault.code}]`,
  };
}
