import { createRequire } from 'node:module';
import { constants } from 'node:os';

/**
 * What the service manager is told (sd_notify(3)). Nothing throws and nothing waits: a message that cannot be sent is
 * counted, and the service goes on. Without a service manager every call does nothing.
 */
export interface ServiceManager {
  /** Whether systemd, or one that speaks as it does, listens. */
  readonly isThere: boolean;
  /** A ping must come at least this often, ms; null where no watchdog is asked for. */
  readonly watchdogMs: number | null;
  /** Messages that could not be sent. */
  readonly lost: number;
  /** Why the last of them could not be sent; null when none was lost. */
  readonly lostBecause: string | null;
  /** Start-up is done. */
  ready(): void;
  /** One line for people, shown by `systemctl status`. */
  status(line: string): void;
  /** The service lives. */
  watchdog(): void;
  /** The service stops by itself or as it was told. */
  stopping(): void;
  /** Start-up, or the stop, takes longer: the manager waits at least `ms` from now on. */
  extendTimeout(ms: number): void;
  /** Gives the socket back; idempotent. Later calls do nothing. */
  close(): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The manager that started this process, by `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
 * Node has no datagram sockets of the unix family, so the C library's are called.
 */
export function serviceManager(environment: Environment = process.env): ServiceManager {
  const path = environment.NOTIFY_SOCKET;
  if (path === undefined || path === '') return new NoManager();
  return new NotifySocket(path, watchdogOf(environment));
}

function watchdogOf({ WATCHDOG_USEC, WATCHDOG_PID }: Environment): number | null {
  // Inherited from a parent that the watchdog is meant for.
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid) return null;
  const microseconds = Number(WATCHDOG_USEC);
  return microseconds > 0 ? microseconds / 1000 : null;
}

class NoManager implements ServiceManager {
  readonly isThere = false;
  readonly watchdogMs = null;
  readonly lost = 0;
  readonly lostBecause = null;
  ready(): void {}
  status(): void {}
  watchdog(): void {}
  stopping(): void {}
  extendTimeout(): void {}
  close(): void {}
}

/** Linux's numbers on x64 and arm64. */
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0o2000000 | 0o4000;
const MSG_NOSIGNAL = 0x4000;
/** Bytes of `sockaddr_un.sun_path`. */
const PATH_BYTES = 108;

/** Sends one datagram. @returns null, or why it could not be sent */
type Send = (message: string) => string | null;

class NotifySocket implements ServiceManager {
  readonly isThere = true;
  readonly watchdogMs: number | null;
  lost = 0;
  lostBecause: string | null = null;
  private readonly path: string;
  private socket: { readonly send: Send; readonly close: () => void } | null = null;
  private isClosed = false;

  constructor(path: string, watchdogMs: number | null) {
    this.path = path;
    this.watchdogMs = watchdogMs;
  }

  ready(): void {
    this.send('READY=1');
  }

  status(line: string): void {
    // A line feed would begin another assignment.
    this.send(`STATUS=${line.replaceAll(/\s+/g, ' ').trim()}`);
  }

  watchdog(): void {
    this.send('WATCHDOG=1');
  }

  stopping(): void {
    this.send('STOPPING=1');
  }

  extendTimeout(ms: number): void {
    this.send(`EXTEND_TIMEOUT_USEC=${Math.round(Math.max(0, ms) * 1000)}`);
  }

  close(): void {
    this.isClosed = true;
    this.socket?.close();
    this.socket = null;
  }

  private send(message: string): void {
    if (this.isClosed) return;
    let problem: string | null;
    try {
      this.socket ??= openSocket(this.path);
      problem = this.socket.send(message);
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    if (problem === null) return;
    this.lost += 1;
    this.lostBecause = problem;
  }
}

/** `struct sockaddr_un`: the family, then the path; `@` stands for the zero that begins an abstract name. */
function addressOf(path: string): Buffer {
  if (!/^[/@]/.test(path)) throw new Error(`NOTIFY_SOCKET ${path} is neither a path nor an abstract name`);
  const name = Buffer.from(path);
  // A path ends with a zero in the structure, an abstract name does not.
  if (name.length > PATH_BYTES - (path.startsWith('@') ? 0 : 1))
    throw new Error(`NOTIFY_SOCKET ${path} is too long`);
  if (path.startsWith('@')) name[0] = 0;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, name]);
}

function openSocket(path: string): { readonly send: Send; readonly close: () => void } {
  const address = addressOf(path);
  const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
  const library = koffi.load('libc.so.6');
  const socket = library.func('int socket(int domain, int type, int protocol)');
  const sendto = library.func(
    'intptr_t sendto(int descriptor, const uint8_t *bytes, size_t count, int flags, const uint8_t *address, uint32_t length)',
  );
  const close = library.func('int close(int descriptor)');
  const problem = (call: string): string => {
    const number = koffi.errno();
    const name = Object.entries(constants.errno).find(([, value]) => value === number)?.[0];
    return `${call}: ${name ?? `errno ${number}`}`;
  };
  const descriptor: number = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0);
  if (descriptor < 0) throw new Error(problem('socket'));
  return {
    send(message) {
      const bytes = Buffer.from(message);
      const sent: number = sendto(descriptor, bytes, bytes.length, MSG_NOSIGNAL, address, address.length);
      return sent === bytes.length ? null : problem(`sendto ${path}`);
    },
    close() {
      close(descriptor);
    },
  };
}
