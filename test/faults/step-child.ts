import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openBlackBox } from '../../src/record/black-box.ts';
import { createLink } from '../../src/surface/link.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { alertBytes, findingOf } from '../surface/samples.ts';
import { StepCounter } from './step-counter.ts';

// One life: sends what an earlier life left, then one alert of its own, and dies at the step it was told.
// Arguments: folder of the record, URL of the broker, name of this boot, number of the fatal step (0: none).

const [folder = '', broker = '', boot = '', fatal = '0'] = process.argv.slice(2);
const steps = new StepCounter();
const say = (line: string): void => void writeSync(1, `${line}\n`);

const parts = { clock: systemClock, log: silentLog() };
const record = await openBlackBox({
  folder,
  boot,
  ...parts,
  spawn: () => new Worker(new URL('./step-worker.ts', import.meta.url), { workerData: steps.shared }),
});
const link = createLink(
  {
    broker,
    vehicle: 'rov-1',
    boot,
    version: '0.0.0',
    clockQuality: () => 'synchronised',
    protocol: 5,
    unheardRetrySeconds: 0.05,
  },
  { ...parts, outbox: record },
);
link.start();
while (link.state.kind !== 'connected' || record.depth().waiting.alert > 0) await sleep(2);
// Answers to the last of the retained topics are no step of the alert's life.
await sleep(30);

const { write, push } = Socket.prototype;
Object.assign(Socket.prototype, {
  write(this: Socket, ...given: Parameters<typeof write>): boolean {
    steps.step();
    const taken = write.apply(this, given);
    steps.step();
    return taken;
  },
  push(this: Socket, ...given: Parameters<typeof push>): boolean {
    steps.step();
    const more = push.apply(this, given);
    steps.step();
    return more;
  },
});

steps.arm(Number(fatal));
const payload = alertBytes(1, boot);
const message = {
  lane: 'alert',
  topic: topicsOf('rov-1').alerts,
  contentType: 'application/json',
  payload,
} as const;
await record.commit({ finding: findingOf(`finding-${boot}`), messages: [message] });
say('committed');
while (record.depth().waiting.alert > 0) await sleep(1);
say(`steps ${steps.disarm()}`);
await link.stop();
await record.close();
