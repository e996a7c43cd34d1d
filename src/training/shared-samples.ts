import type { Sample } from './samples.ts';

/** Samples whose pixels lie in memory that threads share. */
export interface SharedSamples {
  readonly records: readonly SampleRecord[];
  readonly bytes: SharedArrayBuffer;
}

/** A sample without its pixels, and where they lie. */
interface SampleRecord {
  readonly facts: Omit<Sample, 'luma' | 'chroma'>;
  /** Byte in the shared memory where luma begins; chroma follows it. */
  readonly offset: number;
  readonly lumaBytes: number;
  /** 0 = has none. */
  readonly chromaBytes: number;
}

/** Copies the pixels of all samples into one piece of shared memory. */
export function shareSamples(samples: readonly Sample[]): SharedSamples {
  const records: SampleRecord[] = [];
  let offset = 0;
  for (const { luma, chroma, ...facts } of samples) {
    const chromaBytes = chroma?.length ?? 0;
    records.push({ facts, offset, lumaBytes: luma.length, chromaBytes });
    offset += luma.length + chromaBytes;
  }
  const bytes = new SharedArrayBuffer(offset);
  samples.forEach(({ luma, chroma }, index) => {
    const record = records[index];
    const pixels = new Uint8Array(bytes, record.offset, record.lumaBytes + record.chromaBytes);
    pixels.set(luma);
    if (chroma) pixels.set(chroma, record.lumaBytes);
  });
  return { records, bytes };
}

/** The sample at `index`, with its own copy of the pixels. */
export function sampleAt(shared: SharedSamples, index: number): Sample {
  const { facts, offset, lumaBytes, chromaBytes } = shared.records[index];
  const copy = (from: number, length: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(new Uint8Array(shared.bytes, from, length));
  const luma = copy(offset, lumaBytes);
  return { ...facts, luma, ...(chromaBytes > 0 && { chroma: copy(offset + lumaBytes, chromaBytes) }) };
}
