import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type { LibraryHandle } from 'koffi';
import { SpectaError } from './errors.ts';

/** Flags of {@link Libc.open}; Linux's values on x64 and arm64. */
export const OPEN = { readWrite: 0o2, nonBlocking: 0o4000, closeOnExec: 0o2000000 } as const;

/** Events of {@link Libc.poll}. */
export const POLL = { readable: 1, priority: 2, error: 8, hangUp: 16, invalid: 32 } as const;

/** A system call that failed: `code` is errno's name (`EBUSY`), as in Node's own errors. */
export class SystemCallError extends Error {
  readonly code: string;
  /** What was called, as in `open /dev/video0` or `VIDIOC_S_FMT`. */
  readonly call: string;

  constructor(call: string, code: string) {
    super(`${call}: ${code}`);
    this.name = 'SystemCallError';
    this.call = call;
    this.code = code;
  }
}

/** Memory of a device, mapped into the process. Its bytes leave only as copies, so that nobody can read it unmapped. */
export interface Mapping {
  readonly bytes: number;
  /** The first `length` bytes, copied once into a buffer of their own. Throws `RangeError` beyond the mapping's end. */
  copy(length: number): Uint8Array<ArrayBuffer>;
  /** Gives the memory back; idempotent. A later `copy` throws. Throws {@link SystemCallError}. */
  unmap(): void;
}

/**
 * The C library's calls that Node does not offer. All throw {@link SystemCallError}. Only `poll` leaves the event loop
 * free; the others run on the calling thread, because errno belongs to a thread: give them descriptors that do not block.
 */
export interface Libc {
  /** @returns the descriptor, to be closed by the caller */
  open(path: string, flags: number): number;
  /** Closes a descriptor, once: the number may belong to somebody else at once. */
  close(descriptor: number): void;
  /**
   * One request to a driver, repeated while a signal interrupts it.
   *
   * @param request its number, as the kernel's headers compute it
   * @param argument the structure, read and written in place
   * @param name for the error, as in `VIDIOC_S_FMT`
   * @returns what the driver returned, 0 or more
   */
  ioctl(descriptor: number, request: number, argument: Uint8Array, name: string): number;
  /** Maps `bytes` of a device from `offset`, shared, for reading. */
  mmap(descriptor: number, bytes: number, offset: number): Mapping;
  /**
   * Waits for events on a thread of libuv's pool (4 threads unless `UV_THREADPOOL_SIZE` says more), which is held so
   * long. The descriptor must stay open until it resolves.
   *
   * @param events of {@link POLL}; errors and hang-ups are always told
   * @returns the events that came, 0 when `timeoutMs` passed
   */
  poll(descriptor: number, events: number, timeoutMs: number): Promise<number>;
}

const PROT_READ = 1;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffffffffffffffffn;
const EINTR = constants.errno.EINTR;

/**
 * Binds the C library through koffi. Each call binds anew: call once per owner, not once per opening.
 * Throws `RUNTIME_UNSUPPORTED` where koffi has no binary.
 */
export function loadLibc(): Libc {
  const koffi = requireKoffi();
  const library = loadLibrary(koffi);
  const open = library.func('int open(const char *path, int flags)');
  const close = library.func('int close(int descriptor)');
  const ioctl = library.func('int ioctl(int descriptor, ulong request, _Inout_ uint8_t *argument)');
  const mmap = library.func(
    'void *mmap(intptr_t address, size_t bytes, int protection, int flags, int descriptor, int64_t offset)',
  );
  const munmap = library.func('int munmap(void *address, size_t bytes)');
  const poll = library.func('int poll(_Inout_ uint8_t *descriptors, ulong count, int timeout)');

  return {
    open(path, flags) {
      for (;;) {
        const descriptor: number = open(path, flags);
        if (descriptor >= 0) return descriptor;
        const number = koffi.errno();
        if (number !== EINTR) throw failed(`open ${path}`, number);
      }
    },

    close(descriptor) {
      // Linux frees the descriptor even when a signal interrupts: repeating would close another's.
      if (close(descriptor) < 0 && koffi.errno() !== EINTR) throw failed('close', koffi.errno());
    },

    ioctl(descriptor, request, argument, name) {
      for (;;) {
        const result: number = ioctl(descriptor, request, argument);
        if (result >= 0) return result;
        const number = koffi.errno();
        if (number !== EINTR) throw failed(name, number);
      }
    },

    mmap(descriptor, bytes, offset) {
      const address: unknown = mmap(0, bytes, PROT_READ, MAP_SHARED, descriptor, offset);
      if (koffi.address(address) === MAP_FAILED) throw failed('mmap', koffi.errno());
      let view: Uint8Array | null = new Uint8Array(koffi.view(address, bytes));
      return {
        bytes,
        copy(length) {
          if (view === null) throw new RangeError('the memory is no longer mapped');
          if (length > bytes) throw new RangeError(`${length} bytes wanted of ${bytes} mapped`);
          const copied = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
          copied.set(view.subarray(0, length));
          return copied;
        },
        unmap() {
          if (view === null) return;
          view = null;
          if (munmap(address, bytes) < 0) throw failed('munmap', koffi.errno());
        },
      };
    },

    poll(descriptor, events, timeoutMs) {
      // struct pollfd: int fd, short events, short revents.
      const entry = Buffer.alloc(8);
      entry.writeInt32LE(descriptor, 0);
      entry.writeInt16LE(events, 4);
      return new Promise((resolve, reject) => {
        poll.async(entry, 1, timeoutMs, (error: Error | null, count: number) => {
          if (error) reject(error);
          // Errno is the other thread's and cannot be asked; -1 is a signal or no memory, and both pass.
          else resolve(count > 0 ? entry.readUInt16LE(6) : 0);
        });
      });
    },
  };
}

function failed(call: string, number: number): SystemCallError {
  const name = Object.entries(constants.errno).find(([, value]) => value === number)?.[0];
  return new SystemCallError(call, name ?? `errno ${number}`);
}

/** Loaded only when a device is wanted, so that everything else runs where koffi has no binary. */
function requireKoffi(): typeof import('koffi') {
  try {
    return createRequire(import.meta.url)('koffi');
  } catch (error) {
    throw unsupported(`koffi, which calls the C library, cannot be loaded`, error);
  }
}

function loadLibrary(koffi: typeof import('koffi')): LibraryHandle {
  try {
    return koffi.load('libc.so.6');
  } catch (error) {
    throw unsupported('the C library cannot be loaded', error);
  }
}

function unsupported(what: string, error: unknown): SpectaError {
  return new SpectaError(
    'RUNTIME_UNSUPPORTED',
    `Devices cannot be reached on ${process.platform}-${process.arch}: ${what}.`,
    'Run npm ci without --omit=optional, on Linux with glibc (x64 or arm64).',
    error,
  );
}
