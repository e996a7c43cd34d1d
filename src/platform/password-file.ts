import { readFile } from 'node:fs/promises';

/** The password in a file, without the line break that editors put behind it. Rejects as `readFile` does. */
export async function readPassword(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
}
