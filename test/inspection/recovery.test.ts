import { expect, test } from 'vitest';
import { interruptFindings } from '../../src/inspection/recovery.ts';
import { instant, Rehearsal } from './rehearsal.ts';

test('findings that were open when the daemon died close as interrupted, where they were last seen', () => {
  const run = new Rehearsal().show(5, { crack: 0.9, corrosion: 0.9 });
  const recoveredAt = instant(3, 9e12);
  const changes = interruptFindings(run.inspector.open, recoveredAt);
  expect(changes.map((change) => change.finding.id)).toEqual(['finding-1', 'finding-2']);
  for (const change of changes) {
    expect(change).toMatchObject({ phase: 'closed', at: recoveredAt, peakChanged: false });
    expect(change.finding).toMatchObject({
      closeReason: 'interrupted',
      closedAt: instant(400),
      detections: 5,
    });
  }
});

test('recovering twice changes nothing more', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 });
  const once = interruptFindings(run.inspector.open, instant(0)).map((change) => change.finding);
  expect(interruptFindings(once, instant(1))).toEqual([]);
});
