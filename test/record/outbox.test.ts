import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openBlackBox } from '../../src/record/black-box.ts';
import { outboxSuite } from '../suites/outbox.ts';
import { MemoryOutbox } from '../surface/memory-outbox.ts';
import { newFolder, sampleMessage } from './samples.ts';

outboxSuite('black box', async () => {
  const box = await openBlackBox({
    folder: await newFolder(),
    boot: 'boot-1',
    log: silentLog(),
    clock: systemClock,
  });
  return {
    outbox: box,
    add: (lane, text) => box.enqueue(sampleMessage(text, lane)),
    close: () => box.close(),
  };
});

outboxSuite('the outbox that link tests use', async () => {
  const outbox = new MemoryOutbox();
  return {
    outbox,
    add: async (lane, text) => outbox.add(sampleMessage(text, lane)),
    close: async () => undefined,
  };
});
