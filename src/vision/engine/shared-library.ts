import { open, realpath } from 'node:fs/promises';
import { SpectaError, systemCode } from '../../platform/errors.ts';

/** `e_machine` of the processors that SPECTA runs on; System V ABI, machine supplements. */
const MACHINES: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

const HELP =
  'Name the libonnxruntime.so of a build for this machine as engine.library; device/onnxruntime.md says where to get one.';

/** What is wrong with a library that was named. */
export function libraryUnusable(path: string, what: string, cause?: unknown): SpectaError {
  return new SpectaError('RUNTIME_UNSUPPORTED', `The library ${path} cannot be used: ${what}.`, HELP, cause);
}

/**
 * The real path of a shared library for this machine, told from the first bytes of the file, before anything of it
 * runs. Its provider libraries are looked for beside the real file. Throws `RUNTIME_UNSUPPORTED`.
 */
export async function realLibrary(path: string): Promise<string> {
  let head: Buffer;
  let real: string;
  try {
    real = await realpath(path);
    await using file = await open(real, 'r');
    if ((await file.stat()).isDirectory()) throw libraryUnusable(path, 'it is a folder');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(20), 0, 20, 0);
    head = buffer.subarray(0, bytesRead);
  } catch (error) {
    if (error instanceof SpectaError) throw error;
    const code = systemCode(error);
    throw libraryUnusable(
      path,
      code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? String(error)})`,
      error,
    );
  }
  const fault = elfFault(head);
  if (fault) throw libraryUnusable(path, fault);
  return real;
}

/** Why the first 20 bytes are not those of a 64-bit shared library for this processor; null when they are. */
function elfFault(head: Buffer): string | null {
  if (head.length < 20 || head.readUInt32BE(0) !== 0x7f454c46) return 'it is no ELF file';
  const [wide, littleEndian] = [head[4] === 2, head[5] === 1];
  if (!wide || !littleEndian) return 'it is not for a 64-bit little-endian machine';
  if (head.readUInt16LE(16) !== 3) return 'it is an ELF file, but no shared library';
  const machine = head.readUInt16LE(18);
  if (machine === MACHINES[process.arch]) return null;
  const name = Object.keys(MACHINES).find((arch) => MACHINES[arch] === machine) ?? `machine ${machine}`;
  return `it is for ${name}, this machine is ${process.arch}`;
}
