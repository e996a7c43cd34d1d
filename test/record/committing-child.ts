import { writeSync } from 'node:fs';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openBlackBox } from '../../src/record/black-box.ts';
import { sampleFinding, sampleMessage } from './sample-values.ts';

// Commits as fast as it can, and prints a line for each commit that resolved, until it is killed.
const [folder, boot] = process.argv.slice(2);
const box = await openBlackBox({ folder, boot, log: silentLog(), clock: systemClock });
writeSync(1, 'open\n');
const jpeg = Buffer.from(process.env.JPEG ?? '', 'base64');
const frame = {
  sequence: 1,
  capturedAt: systemClock.now(),
  format: 'jpeg',
  range: 'full',
  width: 0,
  height: 0,
  stride: 0,
  data: new Uint8Array(jpeg),
  source: 'child',
} as const;

async function commitForEver(lane: number): Promise<void> {
  for (let n = 0; ; n++) {
    const name = `${boot}:${lane}:${n}`;
    const withStill = n % 8 === 3;
    const evidence = withStill
      ? await box.saveStill({ findingId: name, runId: boot, frame, peakProbability: 0.9 })
      : null;
    const ids = await box.commit({
      finding: sampleFinding(name, boot),
      ...(evidence ? { evidence } : {}),
      messages: [sampleMessage(`${name}:a`), sampleMessage(`${name}:b`)],
    });
    writeSync(1, `${name} ${ids.join(' ')}\n`);
    // Some reach the surface at once, as with a link that is up.
    if (n % 5 === 0) {
      await box.settle(ids[0]);
      writeSync(1, `settled ${name}:a\n`);
    }
  }
}

await Promise.all([commitForEver(0), commitForEver(1), commitForEver(2)]);
