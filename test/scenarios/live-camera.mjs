// A camera process that a test directs while it runs: node live-camera.mjs FOLDER PERIOD_MS [deaf]
// FOLDER/scene names what it sees now; it writes FOLDER/<scene>-<n>.jpg to standard output, one a period.
// `nothing`: no frame, as a camera that hangs; `broken`: it ends, as a camera that was pulled off.
// deaf: it does not heed SIGTERM.
import { readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [folder, periodMs, deaf] = process.argv.slice(2);
if (deaf) process.on('SIGTERM', () => {});
const rolls = new Map();
for (const name of readdirSync(folder).sort()) {
  const scene = /^(.+)-\d+\.jpg$/.exec(name)?.[1];
  if (scene) rolls.set(scene, [...(rolls.get(scene) ?? []), readFileSync(join(folder, name))]);
}

function write(bytes) {
  for (let from = 0; from < bytes.length; ) {
    try {
      from += writeSync(1, bytes, from);
    } catch (error) {
      if (error.code !== 'EAGAIN') process.exit(3);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

for (let count = 0; ; count += 1) {
  const scene = readFileSync(join(folder, 'scene'), 'utf8');
  if (scene === 'broken') {
    writeSync(2, 'the camera was pulled off\n');
    process.exit(1);
  }
  const roll = rolls.get(scene);
  if (roll) write(roll[count % roll.length]);
  await sleep(Number(periodMs));
}
