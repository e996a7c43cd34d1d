import { createHash } from 'node:crypto';
import type { Finding } from '../../domain/finding.ts';
import type { Run } from '../../domain/run.ts';
import type { StoredEvidence } from '../evidence.ts';
import type { Marks } from '../marks.ts';
import type { RecordReader } from '../read-record.ts';

/** What every report says of itself. */
export const REPORT_NOTICE =
  'A screening aid: a person must look at the evidence before anything is decided. Coverage says that the camera could see, not that the pipe was in view. Conformity with no standard is claimed.';

/** A picture of a finding, with what proves it. */
export interface DossierStill {
  readonly kind: StoredEvidence['kind'];
  /** Below the report's folder, with forward slashes. */
  readonly file: string;
  /** As it was when it was saved, hex. */
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  /** `intact`: the bytes are those that were saved. */
  readonly state: 'intact' | 'changed' | 'gone';
  /** Why it is gone, where the record removed it. */
  readonly reason: string | null;
}

export interface DossierFinding extends Finding, Marks {
  readonly stills: readonly DossierStill[];
}

/** A run's report as data. Times are UTC. */
export interface Dossier {
  readonly schema: 1;
  readonly kind: 'specta-report';
  readonly notice: string;
  readonly version: string;
  readonly madeAt: string;
  readonly run: Run;
  readonly findings: readonly DossierFinding[];
}

/** A dossier with the bytes of its pictures by their file; those that are gone are missing. */
export interface DossierWithPictures {
  readonly dossier: Dossier;
  readonly pictures: ReadonlyMap<string, Uint8Array>;
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Puts a run's report together, proving every picture against the digest that was taken when it was saved. */
export async function makeDossier(
  record: RecordReader,
  run: Run,
  about: { readonly version: string; readonly madeAtUtcMs: number },
): Promise<DossierWithPictures> {
  const pictures = new Map<string, Uint8Array>();
  const findings: DossierFinding[] = [];
  for (const finding of record.findings(run.id)) {
    const stills: DossierStill[] = [];
    for (const kept of record.evidenceOf(finding.id)) {
      const bytes = kept.dropped === null ? await record.still(kept.file) : null;
      const file = `stills/${kept.file.split('/').at(-1) ?? kept.file}`;
      if (bytes !== null) pictures.set(file, bytes);
      const state = bytes === null ? 'gone' : sha256Of(bytes) === kept.sha256 ? 'intact' : 'changed';
      const { kind, sha256, width, height } = kept;
      stills.push({ kind, file, sha256, width, height, bytes: kept.bytes, state, reason: kept.dropped });
    }
    findings.push({ ...finding, ...record.marksOf(finding.id), stills });
  }
  const { version, madeAtUtcMs } = about;
  const madeAt = new Date(madeAtUtcMs).toISOString();
  const head = { schema: 1, kind: 'specta-report', notice: REPORT_NOTICE, version, madeAt } as const;
  return { dossier: { ...head, run, findings }, pictures };
}

/** What is wrong with the evidence, a sentence each. */
export function evidenceFaults({ findings }: Dossier): string[] {
  return findings.flatMap(({ id, stills }) =>
    stills.flatMap(({ file, state, reason }) => {
      if (state === 'intact') return [];
      const words =
        state === 'changed'
          ? 'is not what was saved: its digest differs'
          : `is gone (${reason ?? 'missing'})`;
      return [`${id}: ${file} ${words}`];
    }),
  );
}
