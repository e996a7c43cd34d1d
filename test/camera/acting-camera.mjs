// A camera process for tests. It does its steps in order and then exits 0:
//   node acting-camera.mjs IMAGE STEP…
// image[:N] writes the image N times; half: its first half; garbage:N: N bytes that are no image; big:N: an image grown
// by N bytes; wait:MS; say:TEXT to standard error; hang: for good; deaf: heeds SIGTERM no more; child:SECONDS: starts
// a process that would outlive it; exit:STATUS; loop: from the first step again.
import { spawn } from 'node:child_process';
import { readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [imageFile, ...steps] = process.argv.slice(2);
const image = readFileSync(imageFile);

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

for (let index = 0; index < steps.length; index++) {
  const [step, ...rest] = steps[index].split(':');
  const value = rest.join(':');
  if (step === 'image') for (let count = Number(value || 1); count > 0; count--) write(image);
  else if (step === 'half') write(image.subarray(0, image.length >> 1));
  else if (step === 'garbage') write(Buffer.alloc(Number(value), 0x5a));
  else if (step === 'big') {
    const zeros = Buffer.alloc(Number(value));
    write(Buffer.concat([image.subarray(0, -2), zeros, image.subarray(-2)]));
  } else if (step === 'wait') await sleep(Number(value));
  else if (step === 'say') writeSync(2, `${value}\n`);
  else if (step === 'deaf') process.on('SIGTERM', () => {});
  else if (step === 'child') spawn('sleep', [value], { stdio: 'inherit' });
  else if (step === 'hang') await sleep(600_000);
  else if (step === 'exit') process.exit(Number(value));
  else if (step === 'loop') index = -1;
}
