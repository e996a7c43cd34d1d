import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createLink } from '../../src/surface/link.ts';
import { MemoryOutbox } from './memory-outbox.ts';

// A link in a process of its own, so that a test can kill it: node link-child.ts URL PROTOCOL
const [url = '', protocol = 'auto'] = process.argv.slice(2);
const link = createLink(
  {
    broker: url,
    protocol: protocol === '4' ? 4 : 'auto',
    vehicle: 'rov-1',
    boot: 'child',
    version: '0.0.0',
    clockQuality: () => 'unsynchronised',
    willDelaySeconds: 0,
  },
  { clock: systemClock, log: silentLog(), outbox: new MemoryOutbox() },
);
link.start();
