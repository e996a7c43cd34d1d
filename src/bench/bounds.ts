import type { Bundle } from '../domain/manifest.ts';
import { decodeLuma } from '../vision/decode.ts';
import type { Picture } from '../vision/picture.ts';
import { type BoundWork, boundOf } from './bound.ts';
import { type Bounds, rounded } from './measurement.ts';

interface BoundsOptions {
  readonly bundle: Bundle;
  readonly lanes: number;
  readonly threads: number;
  readonly pictures: readonly Picture[];
  readonly signal: AbortSignal;
}

/** Long enough that one hiccup of the machine does not decide. */
const BOTH_MS = 2_000;
const ALONE_MS = 700;
const COPY_MS = 300;

/** The bounds of a pipeline, on its own pictures, and what these are in words. Rejects as `boundOf`. */
export async function measureBounds({ bundle, lanes, threads, pictures, signal }: BoundsOptions): Promise<{
  readonly bound: Omit<Bounds, 'share'>;
  readonly engineFps: number;
  readonly picture: string;
}> {
  const work = (parts: BoundWork['parts'], ms: number): BoundWork => ({
    bundle,
    threads,
    pictures,
    parts,
    ms,
  });
  const both = await boundOf(lanes, work('both', BOTH_MS), signal);
  const decode = await boundOf(1, work('decode', ALONE_MS), signal);
  const engine = await boundOf(1, work('engine', ALONE_MS), signal);
  const { width, height, data } = await decodeLuma(pictures[0]);
  return {
    bound: {
      fps: rounded(both.fps),
      cpu_ms_per_frame: rounded(both.cpuMs),
      decode_cpu_ms: rounded(decode.cpuMs, 3),
      engine_cpu_ms: rounded(engine.cpuMs, 3),
      copies_per_second: Math.round(copiesPerSecond(data)),
    },
    engineFps: rounded(engine.fps),
    picture: `${pictures[0].format} ${width}x${height}`,
  };
}

function copiesPerSecond(from: Uint8Array): number {
  const to = new Uint8Array(from.length);
  const begin = performance.now();
  let copies = 0;
  let ms = 0;
  for (; ms < COPY_MS; ms = performance.now() - begin) {
    to.set(from);
    copies += 1;
  }
  return (copies * 1000) / ms;
}
