import type { OutboxDepth } from '../domain/outbox.ts';
import type { DefectClass, Verdict } from '../domain/verdict.ts';
import { systemClock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { silentLog } from '../platform/log.ts';
import { createLink, type Link } from '../surface/link.ts';
import { detectionMessage, detectionSchema } from '../surface/messages/detection.ts';
import { encode } from '../surface/messages/envelope.ts';
import type { Outbox } from '../surface/outbox.ts';
import { NO_SUBSCRIBERS } from '../surface/reasons.ts';

/** Detections that may be under way to the broker; the sender waits when there are more. */
const WINDOW = 64;
const VEHICLE = 'bench';
const EXPIRY_SECONDS = 10;

const EMPTY_DEPTH: OutboxDepth = {
  waiting: { alert: 0, run: 0, image: 0 },
  bytes: 0,
  unheard: 0,
  oldestUtcMs: null,
  dropped: {},
};

/** The bench sends nothing through the black box: what it measures is the way of a live frame. */
const NO_OUTBOX: Outbox = {
  head: () => Promise.resolve([]),
  settle: () => Promise.resolve(),
  mark: () => Promise.resolve(),
  onCommit: () => () => {},
  depth: () => EMPTY_DEPTH,
};

export interface SenderOptions {
  readonly broker: string;
  /** 4 is MQTT 3.1.1. */
  readonly protocol: 'auto' | 4 | 5;
  readonly version: string;
  readonly thresholds: Readonly<Partial<Record<DefectClass, number>>>;
  /** Called for each acknowledgement with the capture time of its frame, monotonic ms. */
  readonly onAcknowledged: (capturedMonoMs: number) => void;
  readonly signal: AbortSignal;
}

/** One detection at QoS 1 for each verdict, over the product's own link. */
export class DetectionSender {
  /** 5, or 4 for MQTT 3.1.1. */
  readonly protocol: number;
  /** Detections that the broker took although nobody is subscribed. */
  unheard = 0;
  private readonly link: Link;
  private readonly options: SenderOptions;
  private readonly boot = `bench-${process.pid}`;
  private readonly underWay = new Set<Promise<void>>();
  private sequence = 0;
  private failure: unknown = null;

  private constructor(link: Link, protocol: number, options: SenderOptions) {
    this.link = link;
    this.protocol = protocol;
    this.options = options;
  }

  /** Connects; rejects with `BROKER_UNREACHABLE` after the first failed attempt, or the signal's reason. */
  static async connect(options: SenderOptions): Promise<DetectionSender> {
    const { broker, protocol, version } = options;
    const boot = `bench-${process.pid}`;
    const about = { boot, version, clockQuality: () => 'unsynchronised' as const };
    const link = createLink(
      { broker, protocol, vehicle: VEHICLE, clientId: `specta-${boot}`, ...about },
      { clock: systemClock, log: silentLog(), outbox: NO_OUTBOX },
    );
    try {
      return new DetectionSender(link, await connected(link, options), options);
    } catch (error) {
      await link.stop();
      throw error;
    }
  }

  /** Waits while more are under way than the window allows; rejects when one was refused or lost. */
  async room(): Promise<void> {
    while (this.underWay.size >= WINDOW) await Promise.race(this.underWay);
    if (this.failure !== null) throw this.failure;
  }

  /** Hands one verdict to the link. */
  send(verdict: Verdict): void {
    const capturedMonoMs = verdict.frame.capturedAt.monoMs;
    const { thresholds, onAcknowledged } = this.options;
    this.sequence += 1;
    const stamp = { vehicle: VEHICLE, boot: this.boot, sequence: this.sequence } as const;
    const message = detectionMessage(verdict, {
      ...stamp,
      clockQuality: 'unsynchronised',
      run: null,
      thresholds,
      fix: null,
    });
    const sending: Promise<void> = this.link
      .publishAcknowledged(this.link.topics.detections, encode(detectionSchema, message), {
        expirySeconds: EXPIRY_SECONDS,
      })
      .then((reason) => {
        if (reason >= 0x80) this.failure ??= refused(this.options.broker, reason);
        if (reason === NO_SUBSCRIBERS) this.unheard += 1;
        onAcknowledged(capturedMonoMs);
      })
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => this.underWay.delete(sending));
    this.underWay.add(sending);
  }

  /** Waits for every acknowledgement; rejects when one did not come. */
  async drain(): Promise<void> {
    await Promise.all(this.underWay);
    if (this.failure !== null) throw this.failure;
  }

  close(): Promise<void> {
    return this.link.stop();
  }
}

function refused(broker: string, reason: number): SpectaError {
  return new SpectaError(
    'BROKER_REFUSED',
    `The broker ${broker} refuses detections (reason 0x${reason.toString(16)}).`,
    'Allow this client to publish below specta/bench.',
  );
}

/** Starts the link and gives the protocol. */
function connected(link: Link, { broker, signal }: SenderOptions): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      forget();
    };
    const onAbort = (): void => {
      settle();
      reject(signal.reason);
    };
    const forget = link.onState((state) => {
      if (state.kind === 'connected') {
        settle();
        resolve(state.protocol);
      }
      if (state.kind !== 'waiting') return;
      settle();
      reject(
        new SpectaError(
          'BROKER_UNREACHABLE',
          `${broker}: ${state.reason}.`,
          'Check the address and that the broker runs (on Debian: systemctl status mosquitto).',
        ),
      );
    });
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else link.start();
  });
}
