import { linkSuite } from '../suites/link.ts';
import { BROKERS } from './brokers.ts';

for (const kind of BROKERS) {
  if (kind.missing !== null) console.warn(`Skipped: link over ${kind.name}. ${kind.missing}`);
  linkSuite(kind);
}
