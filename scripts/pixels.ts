import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compilePixels } from './pixel-compiler.ts';

// npm run pixels: compiles the loops over pixels; --check only says whether what is committed is what the source makes.
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const file = resolve(import.meta.dirname, '../src/vision/pixels/pixels.wasm');
const made = await compilePixels();
if (!values.check) {
  writeFileSync(file, made);
  console.log(`${file}: ${made.length} bytes`);
} else if (!readFileSync(file).equals(made)) {
  console.error('src/vision/pixels/pixels.wasm is not current: run "npm run pixels".');
  process.exitCode = 1;
}
