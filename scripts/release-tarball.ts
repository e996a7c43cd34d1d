import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Seconds since 1970 that every file in a tarball gets: the same content gives the same bytes. */
const THE_TIME = Date.UTC(2020, 0, 1) / 1000;

/**
 * Packs a folder, itself included, into a .tar.gz: sorted, nobody's, of one fixed time. Throws when tar fails.
 * @returns bytes before compression
 */
export async function packFolder(folder: string, file: string): Promise<{ readonly unpacked: number }> {
  const tar = spawn(
    'tar',
    [
      ...['--create', '--format=gnu', '--sort=name', `--mtime=@${THE_TIME}`],
      ...['--owner=0', '--group=0', '--numeric-owner', '--mode=u+w,go-w,a+rX'],
      ...['--directory', dirname(folder), basename(folder)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, LC_ALL: 'C' } },
  );
  const ended = new Promise<number | null>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', resolve);
  });
  let unpacked = 0;
  tar.stdout.on('data', (bytes: Buffer) => {
    unpacked += bytes.length;
  });
  const [status] = await Promise.all([
    ended,
    pipeline(tar.stdout, createGzip({ level: 6 }), createWriteStream(file)),
  ]);
  if (status !== 0) throw new Error(`tar ended with ${status}`);
  return { unpacked };
}
