import { join } from 'node:path';
import type { Finding } from '../../src/domain/finding.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openBlackBox } from '../../src/record/black-box.ts';
import { type AlertMessage, alertMessage, alertSchema } from '../../src/surface/messages/alert.ts';
import { encode } from '../../src/surface/messages/envelope.ts';
import { topicsOf } from '../../src/surface/topics.ts';

const BATCH = 50;

function findingOf(number: number): Finding {
  const at = systemClock.now();
  return {
    id: `F-earlier-${number}`,
    runId: 'R-earlier',
    defect: 'crack',
    severity: 'critical',
    advice: { en: 'Look.', id: 'Lihat.' },
    openedAt: at,
    lastSeenAt: at,
    closedAt: at,
    closeReason: 'gone',
    detections: 3,
    meanProbability: 0.9,
    peak: { frame: { sequence: number, capturedAt: at, source: 'earlier' }, probability: 0.95 },
    thresholds: { on: 0.6, off: 0.4 },
    model: { name: 'tiny', version: '0.0.1', digest: 'ab'.repeat(32), engine: 'onnx', provider: 'cpu' },
    fix: null,
  };
}

/** Leaves alerts of an earlier boot in a black box, as a long dive without a link does. Gives them in their order. */
export async function leaveBacklog(
  stateFolder: string,
  vehicle: string,
  count: number,
): Promise<readonly AlertMessage[]> {
  const boot = 'earlier';
  const folder = join(stateFolder, 'record');
  await using box = await openBlackBox({ folder, boot, log: silentLog(), clock: systemClock });
  const alerts: AlertMessage[] = [];
  while (alerts.length < count) {
    const finding = findingOf(alerts.length);
    const change = { phase: 'closed', finding, at: finding.openedAt, peakChanged: false } as const;
    const batch = Array.from({ length: Math.min(BATCH, count - alerts.length) }, (_, index) =>
      alertMessage({
        vehicle,
        boot,
        sequence: alerts.length + index + 1,
        clockQuality: 'unsynchronised',
        change,
        evidence: null,
      }),
    );
    alerts.push(...batch);
    const messages = batch.map((alert) => ({
      lane: 'alert' as const,
      topic: topicsOf(vehicle).alerts,
      contentType: 'application/json',
      payload: encode(alertSchema, alert),
    }));
    await box.commit({ finding, messages });
  }
  return alerts;
}
