import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { systemCode } from '../src/platform/errors.ts';
import { publishedFiles, schemaFiles } from '../src/surface/messages/published.ts';

const folder = resolve(import.meta.dirname, '../docs/messages');
const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    /** Takes the schemas as they are for published: later ones must be compatible with them. */
    publish: { type: 'boolean', default: false },
  },
});

function current(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

const stale = [...publishedFiles()].filter(([name, text]) => current(join(folder, name)) !== text);
if (values.check) {
  for (const [name] of stale) console.error(`docs/messages/${name} is not current: run "npm run schemas".`);
  if (stale.length > 0) process.exitCode = 1;
} else {
  for (const [name, text] of stale) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
    console.log(`docs/messages/${name}`);
  }
}
if (values.publish) {
  writeFileSync(
    join(folder, 'published.json'),
    `${JSON.stringify(Object.fromEntries(schemaFiles()), null, 1)}\n`,
  );
  console.log('docs/messages/published.json');
}
