import { resolve } from 'node:path';
import { SpectaError, systemCode } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import { createRequests, type RequestHandlers, type Requests } from '../../surface/requests.ts';
import { every, type Repetition } from '../every.ts';
import { defectRules } from '../part-options.ts';
import { type ClassifyParts, PictureDesk } from './classify-request.ts';
import { type ControlSocket, openControlSocket } from './control-socket.ts';
import { type FindingParts, findingRequests } from './finding-requests.ts';
import { drawSnapshot } from './snapshot.ts';
import { controlSocketPath } from './socket-path.ts';
import { StateLock } from './state-lock.ts';
import {
  type EarlyParts,
  type LateParts,
  lightFacts,
  runFacts,
  sightFacts,
  vehicleFacts,
} from './vehicle-facts.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** So often a disk that took no socket is asked again, ms. */
const AGAIN_MS = 2_000;

/**
 * Makes this daemon the only one on its state folder: see {@link StateLock}. Before anything else is opened, so
 * that a second daemon takes neither line nor camera from the first.
 */
export function lockAlone(
  { config, boot, clock }: Pick<EarlyParts, 'config' | 'boot' | 'clock'>,
  environment: Environment,
  log: Logger,
): Promise<StateLock> {
  const holder = {
    pid: process.pid,
    since: new Date(boot.startedUtcMs).toISOString(),
    socket: resolve(controlSocketPath(config, environment)),
  };
  return StateLock.take(config.stateFolder, holder, log, clock);
}

/**
 * What can be asked of the running daemon, and the socket on which people on the board ask. It answers from the first
 * moment on, with what is there already.
 */
export class LocalControl implements AsyncDisposable {
  /** For the other ways to ask, such as the link. */
  readonly requests: Requests;
  private readonly early: EarlyParts;
  private readonly log: Logger;
  private late: LateParts = {};
  private socket: ControlSocket | null = null;
  private trying: Repetition | null = null;
  private isClosed = false;

  constructor(early: EarlyParts, log: Logger) {
    this.early = early;
    this.log = log;
    const { config, boot, clock } = early;
    this.requests = createRequests({
      handlers: this.handlers(),
      disabled: config.requests.disabled,
      clock,
      clockQuality: () => boot.clockQuality(),
      log,
    });
  }

  /** Parts that have been started since. */
  attach(parts: LateParts): void {
    this.late = { ...this.late, ...parts };
  }

  /**
   * Opens the socket. A disk that takes none keeps the vehicle inspecting: that is logged, and tried again until it does.
   * A path that cannot be, and another daemon that answers there, reject (`CONFIG_INVALID`, `DAEMON_RUNNING`).
   */
  async listen(environment: Environment): Promise<void> {
    const { config, clock } = this.early;
    const path = resolve(controlSocketPath(config, environment));
    try {
      await this.open(path);
    } catch (error) {
      // Only a path that somebody wrote down is a mistake; a state folder may be as deep as it likes.
      const isFault =
        error instanceof SpectaError && (error.code === 'DAEMON_RUNNING' || config.control.socket !== null);
      if (isFault) throw error;
      const why = error instanceof SpectaError ? `${error.message} ${error.help}` : String(error);
      this.log.error({ path, code: systemCode(error) }, `nobody on the board can ask this daemon: ${why}`);
      const again = async (): Promise<void> => {
        await this.open(path);
        this.trying?.cancel();
      };
      // The reason was told; that it works is told by the socket.
      this.trying = every(clock, AGAIN_MS, again, (failure) => this.log.debug({ path }, String(failure)));
    }
  }

  /** Takes no request any more; idempotent. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.trying?.cancel();
    await this.socket?.close();
  }

  private async open(path: string): Promise<void> {
    const socket = await openControlSocket(path, this.requests, this.log);
    this.socket = socket;
    if (this.isClosed) await socket.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private handlers(): RequestHandlers {
    const { light, sight, clock } = this.early;
    const pictures = new PictureDesk(() => this.classifyParts());
    return {
      ...findingRequests(() => this.findingParts()),
      classify: ({ image }) => pictures.classify(image),
      'light/test': ({ seconds }) => {
        if (!light.test(seconds)) throw refused('The light is stopped.', 'Look at specta status.');
        return { light: lightFacts(this.early) };
      },
      'light/acknowledge': () => {
        const ended = light.acknowledge();
        return { ended, light: lightFacts(this.early) };
      },
      'run/start': () => {
        const { began, run } = this.runs().start();
        return { began, run: runFacts(run) };
      },
      'run/stop': () => {
        const run = this.runs().stop();
        return { ended: run !== null, run: run && runFacts(run) };
      },
      snapshot: async () => {
        const { newest } = sight;
        if (newest === null) {
          throw refused(
            'No frame was judged yet.',
            'specta status says what the camera and the engine lack.',
          );
        }
        const facts = sightFacts(newest, clock);
        const { bytes, extension, width, height } = await drawSnapshot(newest.frame);
        const contentType = `image/${extension === 'jpg' ? 'jpeg' : extension}`;
        return { sight: facts, contentType, width, height, image: Buffer.from(bytes).toString('base64') };
      },
      'model/list': () => this.models().list(),
      'model/activate': ({ bundle, allowDowngrade, anotherModel }) =>
        this.models().activate(bundle, {
          downgrade: allowDowngrade === true,
          anotherModel: anotherModel === true,
        }),
      'model/rollback': () => this.models().rollback(),
      status: () => vehicleFacts(this.early, this.late),
    };
  }

  private models(): NonNullable<LateParts['models']> {
    return this.started(this.late.models);
  }

  private runs(): NonNullable<LateParts['runs']> {
    return this.started(this.late.runs);
  }

  private findingParts(): FindingParts {
    return this.started(this.late.findings);
  }

  private classifyParts(): ClassifyParts {
    const { config, clock } = this.early;
    const { corrosion, crack } = defectRules(config, this.models().serving.bundle.manifest);
    return {
      vision: this.started(this.late.vision).vision,
      runs: this.runs(),
      clock,
      thresholds: {
        ...(corrosion ? { corrosion: corrosion.on } : {}),
        ...(crack ? { crack: crack.on } : {}),
      },
      duringRun: config.requests.classifyDuringRun,
    };
  }

  private started<Part>(part: Part | undefined): Part {
    if (part !== undefined && !this.isClosed) return part;
    const when = this.isClosed ? 'stopping' : 'still starting';
    throw refused(`The daemon is ${when}.`, 'Ask again when specta status shows the parts.');
  }
}

function refused(message: string, help: string): SpectaError {
  return new SpectaError('REQUEST_REFUSED', message, help);
}
