import type { Finding, FindingChange } from '../../src/domain/finding.ts';
import type { Instant } from '../../src/domain/time.ts';
import type { ModelReference, Verdict } from '../../src/domain/verdict.ts';
import { type AlertMessage, alertMessage, alertSchema } from '../../src/surface/messages/alert.ts';
import { encode, type Stamp } from '../../src/surface/messages/envelope.ts';

export const model: ModelReference = {
  name: 'specta-32x2',
  version: '0.1.0',
  digest: 'ab'.repeat(32),
  engine: 'onnx',
  provider: 'cpu',
};

export function at(seconds: number): Instant {
  return { monoMs: seconds * 1000, utcMs: Date.UTC(2026, 5, 1) + seconds * 1000 };
}

export function stampOf(sequence: number, boot = 'boot-1'): Stamp {
  return { vehicle: 'rov-1', boot, sequence, clockQuality: 'synchronised' };
}

export function verdictAt(seconds: number, crack: number, corrosion = 0.2): Verdict {
  return {
    frame: { sequence: Math.round(seconds * 30), capturedAt: at(seconds), source: 'clip' },
    label: crack >= 0.7 ? 'crack' : 'unsure',
    blind: null,
    probabilities: { crack, corrosion },
    quality: { mean: 90, deviation: 30, saturatedShare: 0, sharpness: 5, localContrast: 12, change: 2 },
    model,
    stages: { decode: 1, preprocess: 1, infer: 7 },
  };
}

export function findingOf(id: string, over: Partial<Finding> = {}): Finding {
  return {
    id,
    runId: 'run-1',
    defect: 'crack',
    severity: 'critical',
    advice: { en: 'Weld it.', id: 'Las.' },
    openedAt: at(10),
    lastSeenAt: at(12.5),
    closedAt: null,
    closeReason: null,
    detections: 40,
    meanProbability: 0.8,
    peak: { frame: { sequence: 330, capturedAt: at(11), source: 'clip' }, probability: 0.95 },
    thresholds: { on: 0.7, off: 0.5 },
    model,
    fix: null,
    ...over,
  };
}

export function changeOf(finding: Finding, phase: FindingChange['phase'] = 'opened'): FindingChange {
  return { phase, finding, at: at(12.5), peakChanged: true };
}

/** The alert number `sequence` of a boot. */
export function alertOf(sequence: number, boot = 'boot-1'): AlertMessage {
  return alertMessage({
    ...stampOf(sequence, boot),
    change: changeOf(findingOf(`finding-${sequence}`)),
    evidence: null,
  });
}

export function alertBytes(sequence: number, boot = 'boot-1'): Uint8Array {
  return encode(alertSchema, alertOf(sequence, boot));
}
