import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PREPARED, RIG_RUN } from './run-of-rig.ts';

/**
 * Lets a node keep its format when its writer dies. Without it a node whose writer died while somebody read is left
 * without any capability once the reader goes too, for ever (v4l2loopback 0.12.7).
 */
export function keepFormat(number: number): void {
  execFileSync('v4l2-ctl', ['-d', `/dev/video${number}`, '-c', 'keep_format=1']);
}

/** Loads v4l2loopback with a node for each number, named `LoopbackN`; removes it again when `use` has ended. */
export async function withLoopbacks<T>(numbers: readonly number[], use: () => Promise<T>): Promise<T> {
  const module = `${process.env.SPECTA_RIG_MODULES ?? ''}/v4l2loopback.ko`;
  const labels = numbers.map((number) => `Loopback${number}`).join(',');
  const each = numbers.map(() => '1').join(',');
  execFileSync('insmod', [
    module,
    `devices=${numbers.length}`,
    `video_nr=${numbers.join(',')}`,
    `card_label=${labels}`,
    `exclusive_caps=${each}`,
  ]);
  try {
    return await use();
  } finally {
    await removeLoopbacks();
  }
}

async function removeLoopbacks(): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      execFileSync('rmmod', ['v4l2loopback'], { stdio: 'pipe' });
      return;
    } catch (error) {
      // The last descriptor may be on its way out.
      if (tries > 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** ffmpeg as a child. Disposing kills it and waits for its end. */
export class Ffmpeg implements AsyncDisposable {
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;
  private said = '';

  constructor(parameters: readonly string[]) {
    const common = ['-nostdin', '-hide_banner', '-loglevel', 'error'];
    this.child = spawn('ffmpeg', [...common, ...parameters], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-4_000);
    });
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  /** What it complained of. */
  get complaints(): string {
    return this.said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** ffmpeg as systemd keeps it with `Restart=always`: started again a second after it ended, until disposed. */
export class KeptFfmpeg implements AsyncDisposable {
  private readonly parameters: readonly string[];
  private readonly stop = new AbortController();
  private readonly keeping: Promise<void>;
  private current: Ffmpeg | null = null;
  private said = '';

  constructor(parameters: readonly string[]) {
    this.parameters = parameters;
    this.keeping = this.keep();
  }

  /** What each of them complained of. */
  get complaints(): string {
    return `${this.said}${this.current?.complaints ?? ''}`;
  }

  private async keep(): Promise<void> {
    const { signal } = this.stop;
    while (!signal.aborted) {
      this.current = new Ffmpeg(this.parameters);
      const status = await this.current.ended;
      this.said = `${this.said}${this.current.complaints}(ended: ${status})\n`.slice(-4_000);
      this.current = null;
      await sleep(1_000, undefined, { signal }).catch(() => undefined);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort();
    await this.current?.[Symbol.asyncDispose]();
    await this.keeping;
  }
}

/** How a camera sends the rig's run. */
export type Sending = 'mjpeg' | 'yuyv';

const OUTPUT: Readonly<Record<Sending, readonly string[]>> = {
  mjpeg: ['-c:v', 'copy'],
  yuyv: ['-pix_fmt', 'yuyv422'],
};

/**
 * The rendered run as a camera at `/dev/videoN`: the JPEG files as they are, or decoded to YUYV.
 *
 * @param passes how often the run is played, one time after the other
 */
export function playRun(path: string, sending: Sending, passes: number): Ffmpeg {
  const folder = '/tmp/run';
  if (!existsSync(PREPARED.run)) throw new Error('no run was rendered: start the rig by npm run test:rig');
  if (!existsSync(folder)) cpSync(PREPARED.run, folder, { recursive: true });
  const pictures = ['-f', 'image2', '-loop', '1', '-framerate', String(RIG_RUN.rate)];
  const input = ['-re', ...pictures, '-i', `${folder}/frame-%06d.jpg`];
  const length = String(passes * RIG_RUN.seconds);
  return new Ffmpeg([...input, '-t', length, ...OUTPUT[sending], '-f', 'v4l2', path]);
}
