import { SpectaError } from '../platform/errors.ts';
import { annotateImage } from './annotate.ts';
import type { EvidenceRef } from './evidence.ts';
import { frameImage } from './frame-image.ts';
import type { OpenRecord } from './open-record.ts';
import type { Body, StillOrder } from './protocol.ts';
import { wantRoom, withRoom } from './room.ts';

/** Keeps a frame as a finding's clean still. Its row is committed later, with the finding. */
export async function saveStill(
  record: OpenRecord,
  reserveBytes: number,
  order: StillOrder,
): Promise<EvidenceRef> {
  await wantRoom(record, reserveBytes);
  const { frame, ...of } = order;
  const image = await frameImage(frame);
  const saved = await withRoom(record, () => record.stills.save(image, of, ''));
  return { ...saved, ...of, width: image.width, height: image.height, kind: 'clean' };
}

/** Draws the caption on a clean still and keeps the result beside it. Its row is committed by the caller. */
export async function drawStill(
  record: OpenRecord,
  reserveBytes: number,
  { evidence, caption }: Body<'annotate'>,
): Promise<EvidenceRef> {
  await wantRoom(record, reserveBytes);
  const clean = await record.stills.read(evidence.file);
  if (clean === null) {
    throw new SpectaError(
      'DISK_FAILED',
      `The still ${evidence.file} is gone before it could be drawn on.`,
      'A full disk or a limit removes stills: free space or raise the limits of the record.',
    );
  }
  const { jpeg, width, height } = await annotateImage(clean, caption);
  const image = { bytes: jpeg, extension: 'jpg' };
  const saved = await withRoom(record, () => record.stills.save(image, evidence, 'annotated'));
  return { ...evidence, ...saved, width, height, kind: 'annotated' };
}
