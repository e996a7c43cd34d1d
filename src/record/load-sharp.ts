import type sharpModule from 'sharp';

/**
 * The general picture library, loaded when first needed: a process that draws nothing need not hold libvips. Without its
 * cache, for no picture is drawn twice, and with one thread: evidence is not in a hurry, and each thread keeps memory.
 */
export async function loadSharp(): Promise<typeof sharpModule> {
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
}
