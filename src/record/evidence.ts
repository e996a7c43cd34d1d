/** A picture kept for a finding: where it is and what proves that it is unchanged. */
export interface EvidenceRef {
  /** Path relative to the record's folder, with forward slashes. */
  readonly file: string;
  /** Hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** `clean`: as the camera gave it. `annotated`: the same with its caption in a band below. */
  readonly kind: 'clean' | 'annotated';
  readonly findingId: string;
  readonly runId: string;
  /** Of the frame, in its boot. */
  readonly sequence: number;
  readonly capturedUtcMs: number;
  /** The defect's probability in that frame, 0..1. */
  readonly probability: number;
}

/** Evidence as the index tells it. */
export interface StoredEvidence extends EvidenceRef {
  readonly savedUtcMs: number;
  /** Why the file is gone (a limit, a full disk); null while it is there. */
  readonly dropped: string | null;
}
