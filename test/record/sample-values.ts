import type { Finding } from '../../src/domain/finding.ts';
import type { OutboxLane } from '../../src/domain/outbox.ts';
import type { Run } from '../../src/domain/run.ts';
import type { OutboxMessage } from '../../src/record/message.ts';

export const at = (utcMs: number, monoMs = utcMs): { utcMs: number; monoMs: number } => ({ utcMs, monoMs });

export function sampleRun(id: string, changes: Partial<Run> = {}): Run {
  return {
    id,
    vehicle: 'rov-1',
    startedAt: at(1),
    endedAt: null,
    end: null,
    coverage: {
      seenSeconds: 0,
      blindSeconds: {},
      lostSeconds: 0,
      unsureRate: 0,
      framesJudged: 0,
      framesBlind: 0,
      distanceMetres: null,
    },
    ...changes,
  };
}

export function sampleFinding(id: string, runId: string, changes: Partial<Finding> = {}): Finding {
  return {
    id,
    runId,
    defect: 'crack',
    severity: 'critical',
    advice: { en: 'Stop and look again.', id: 'Berhenti dan lihat lagi.' },
    openedAt: at(10),
    lastSeenAt: at(11),
    closedAt: null,
    closeReason: null,
    detections: 3,
    meanProbability: 0.8,
    peak: { frame: { sequence: 7, capturedAt: at(11), source: 'replay' }, probability: 0.97 },
    thresholds: { on: 0.6, off: 0.4 },
    model: { name: 'm', version: '0.1.0', digest: 'd', engine: 'onnx', provider: 'cpu' },
    fix: null,
    ...changes,
  };
}

export function sampleMessage(text: string, lane: OutboxLane = 'alert'): OutboxMessage {
  return {
    lane,
    topic: `specta/rov-1/${lane}s`,
    contentType: 'application/json',
    payload: new TextEncoder().encode(text),
  };
}
