import type { DefectClass } from '../domain/verdict.ts';
import { type AlertMessage, alertSchema } from '../surface/messages/alert.ts';
import { type StateMessage, stateSchema } from '../surface/messages/state.ts';
import { type StatusMessage, statusSchema } from '../surface/messages/status.ts';
import { ROOT_TOPIC, topicsOf } from '../surface/topics.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import { type BrokerAccess, subscribe } from './subscription.ts';
import { duration, paint } from './terminal.ts';

/** What `specta watch` is asked for. */
export interface WatchOptions extends BrokerAccess {
  /** Undefined: every vehicle. */
  readonly vehicle?: string;
  readonly clientId: string;
  readonly json?: boolean;
  readonly class?: DefectClass;
  /** Ends after so many alerts. */
  readonly count?: number;
}

const EVERY_VEHICLE = '+';

function alertLine(alert: AlertMessage): string {
  const { bold, dim, red, yellow } = paint(process.stdout);
  const colour = alert.class === 'crack' ? red : yellow;
  const kp = alert.position?.kp ?? null;
  const position = kp === null ? '' : `  KP ${kp.toFixed(3)}`;
  const late = alert.historical ? dim('  (sent late)') : '';
  const head = `${dim(alert.at)}  ${alert.vehicle}  ${colour(bold(alert.class.padEnd(9)))} ${alert.phase.padEnd(7)} ${alert.severity.padEnd(8)}`;
  const figures = `${Math.round(alert.probability.peak * 100)} %  ${alert.frames} frames  ${duration(alert.durationSeconds)}`;
  return `${head} ${figures}${position}${late}\n    ${dim(`${alert.finding}  `)}${alert.advice.en}`;
}

function stateLine({ vehicle, state }: StateMessage): string {
  return paint(process.stdout).dim(`${vehicle} is ${state}`);
}

/** How a part is, as a line; null for one that is as it should be. */
function statusLine({ vehicle, part, condition, reason }: StatusMessage): string | null {
  // No source of position is configured: true of many vehicles all the time, and no news.
  if (condition === 'ok' || (part === 'position' && condition === 'absent')) return null;
  const why = reason === null ? '' : `: ${reason}`;
  return paint(process.stdout).yellow(`${vehicle}: ${part} ${condition}${why}`);
}

/** The payload's JSON; undefined when it is none. */
function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(payload)) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Shows alerts as they come until Ctrl-C or `count`; gives the exit status. Rejects as `subscribe` does. */
export async function watch(options: WatchOptions): Promise<number> {
  using interrupt = onInterrupt();
  const { json = false, count = Number.POSITIVE_INFINITY, broker, clientId } = options;
  const { dim, yellow } = paint(process.stderr);
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const base =
    options.vehicle === undefined ? `${ROOT_TOPIC}/${EVERY_VEHICLE}` : topicsOf(options.vehicle).base;
  const enough = new AbortController();
  let shown = 0;
  let unreadable = 0;
  let first = true;
  const show = (line: string | null): void => {
    if (line !== null) process.stdout.write(`${line}\n`);
  };
  const showAlert = (alert: AlertMessage): void => {
    if (options.class !== undefined && alert.class !== options.class) return;
    show(json ? JSON.stringify(alert) : alertLine(alert));
    shown += 1;
    if (shown >= count) enough.abort();
  };
  await subscribe({
    ...options,
    topics: [`${base}/alerts`, ...(json ? [] : [`${base}/state`, `${base}/status/+`])],
    signal: AbortSignal.any([interrupt.signal, enough.signal]),
    onMessage(topic, payload) {
      const message = jsonOf(payload);
      const kind = topic.split('/')[2];
      const alert = kind === 'alerts' ? alertSchema.safeParse(message) : null;
      const state = kind === 'state' ? stateSchema.safeParse(message) : null;
      const status = kind === 'status' ? statusSchema.safeParse(message) : null;
      if (alert?.success) showAlert(alert.data);
      else if (state?.success) show(stateLine(state.data));
      else if (status?.success) show(statusLine(status.data));
      else {
        unreadable += 1;
        tell(yellow(`a message on ${topic} does not fit this version of SPECTA and is not shown`));
      }
    },
    onConnected(connected) {
      if (!connected) tell(yellow(`the connection to ${broker} is lost; trying again`));
      else if (first) tell(dim(`watching ${base} at ${broker} as ${clientId}; Ctrl-C ends`));
      else tell(dim(`connected to ${broker} again`));
      first = false;
    },
  });
  interrupt.throwIfOutputFailed();
  if (shown < count && options.count !== undefined) return EXIT.interrupted;
  return unreadable > 0 ? EXIT.partial : EXIT.ok;
}
