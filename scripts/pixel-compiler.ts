import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import asc from 'assemblyscript/asc';

const SOURCE = resolve(import.meta.dirname, '../src/vision/pixels/pixels.assembly.ts');

/** `pixels.assembly.ts` as WebAssembly; the same bytes each time. Rejects with what the compiler said of an error. */
export async function compilePixels(): Promise<Buffer> {
  let made: Uint8Array | string | null = null;
  const options = ['--runtime', 'stub', '--noAssert', '-O3', '--enable', 'simd', '--importMemory'];
  const { error, stderr } = await asc.main(['pixels.ts', '--outFile', 'pixels.wasm', ...options], {
    readFile: (name) => (name === 'pixels.ts' ? readFileSync(SOURCE, 'utf8') : null),
    writeFile: (name, contents) => {
      if (name === 'pixels.wasm') made = contents;
    },
    listFiles: () => [],
  });
  if (error !== null || made === null) throw new Error(`${error?.message ?? 'nothing was made'}\n${stderr}`);
  return Buffer.from(made);
}
