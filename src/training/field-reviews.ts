import { join } from 'node:path';
import type { Finding } from '../domain/finding.ts';
import { DEFECT_CLASSES, type DefectClass } from '../domain/verdict.ts';
import type { FieldPicture } from './field-pictures.ts';

/** What a person said of a finding. */
export interface Review {
  readonly said: 'confirmed' | 'rejected';
  readonly by: string | null;
  readonly note: string | null;
}

/** A picture kept for a finding. */
export interface KeptPicture {
  /** From the record's folder on. */
  readonly file: string;
  readonly sha256: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly kind: 'clean' | 'annotated';
  readonly sequence: number;
  readonly capturedUtcMs: number;
  /** Why the file is gone; null while it is there. */
  readonly dropped: string | null;
}

export interface KeptFinding {
  readonly finding: Finding;
  /** Oldest first. */
  readonly evidence: readonly KeptPicture[];
}

/** The record that pictures are taken from. */
export interface FieldRecord {
  readonly folder: string;
  readonly findings: readonly KeptFinding[];
  readonly vehicleOf: (run: string) => string;
  /** By finding. */
  readonly reviews: ReadonlyMap<string, Review>;
}

/** Findings that give no picture, by reason. */
export type PassedOver = Readonly<Record<string, number>>;

/**
 * The newest clean picture of each reviewed finding, with what is to be seen in it. `confirmed`: its defect. `rejected`: not
 * its defect. Another finding of the same run that was in view at that time counts as reviewed too; where it was not
 * reviewed, nobody knows what else is in the picture, and it is passed over.
 */
export function fieldPictures(record: FieldRecord): {
  readonly pictures: readonly FieldPicture[];
  readonly passedOver: PassedOver;
} {
  const pictures: FieldPicture[] = [];
  const passedOver: Record<string, number> = {};
  for (const kept of record.findings) {
    const found = pictureOf(kept, record);
    if (typeof found === 'string') passedOver[found] = (passedOver[found] ?? 0) + 1;
    else pictures.push(found);
  }
  return { pictures, passedOver };
}

function pictureOf({ finding, evidence }: KeptFinding, record: FieldRecord): FieldPicture | string {
  const review = record.reviews.get(finding.id);
  if (review === undefined) return 'not reviewed';
  const clean = evidence.filter(({ kind }) => kind === 'clean');
  const still = clean.findLast(({ dropped }) => dropped === null);
  if (still === undefined) return clean.length > 0 ? 'its picture was removed' : 'no picture was kept';
  const beside = record.findings
    .map((each) => each.finding)
    .filter((other) => other.id !== finding.id && other.runId === finding.runId && inView(other, still));
  const defects = new Set<DefectClass>(review.said === 'confirmed' ? [finding.defect] : []);
  for (const other of beside) {
    const said = record.reviews.get(other.id)?.said;
    if (said === undefined) return 'another finding in the same picture is not reviewed';
    if (said === 'confirmed') defects.add(other.defect);
  }
  const { peak } = finding;
  const boxed = review.said === 'confirmed' && peak.box && peak.frame.sequence === still.sequence;
  return {
    file: join(record.folder, still.file),
    sha256: still.sha256,
    width: still.width,
    height: still.height,
    defects: new Set(DEFECT_CLASSES.filter((name) => defects.has(name))),
    boxes: boxed && peak.box ? [{ defect: finding.defect, box: peak.box }] : [],
    vehicle: record.vehicleOf(finding.runId),
    run: finding.runId,
    finding: finding.id,
    sequence: still.sequence,
    capturedUtcMs: still.capturedUtcMs,
    review,
    model: finding.model.digest,
  };
}

function inView({ openedAt, lastSeenAt }: Finding, { capturedUtcMs }: KeptPicture): boolean {
  return openedAt.utcMs <= capturedUtcMs && capturedUtcMs <= lastSeenAt.utcMs;
}
