import type { OutboxLane } from '../domain/outbox.ts';
import type { PartCondition } from '../domain/status.ts';
import type { LaneCondition } from './lane.ts';
import type { LinkState } from './link.ts';
import { reasonText } from './reasons.ts';

/** How the link is, for people, and what makes it so. */
export interface LinkCondition {
  readonly condition: PartCondition;
  readonly reason: string | null;
  /** Names the cause without its figures: while it stays the same, nothing is news. */
  readonly cause: string;
}

const CALLED: Readonly<Record<OutboxLane, string>> = {
  alert: 'alerts',
  run: 'runs',
  image: 'alert images',
};
const LANES: readonly OutboxLane[] = ['alert', 'run', 'image'];
/** A surface that wants alerts and no story of the runs is well served. */
const MISSED: readonly OutboxLane[] = ['alert', 'image'];

/** What `status/link` says. A refusal comes before nobody listening, alerts before the rest. */
export function linkCondition(seen: {
  readonly state: LinkState;
  readonly broker: string;
  readonly lane: (name: OutboxLane) => LaneCondition;
  readonly refusal: { readonly topic: string; readonly reason: number } | null;
  readonly waiting: Readonly<Record<OutboxLane, number>>;
}): LinkCondition {
  const { state } = seen;
  switch (state.kind) {
    case 'idle':
      return { condition: 'absent', reason: 'the link was not started', cause: 'idle' };
    case 'stopped':
      return { condition: 'absent', reason: 'the link was stopped', cause: 'stopped' };
    case 'connecting':
    case 'waiting': {
      const because = state.kind === 'waiting' ? state.reason : state.after;
      const why = because === null ? '' : `: ${because}`;
      const reason = `no connection to ${seen.broker}${why}`;
      return { condition: 'recovering', reason, cause: `away${why}` };
    }
    case 'connected':
      break;
  }
  for (const name of LANES) {
    const lane = seen.lane(name);
    if (lane.kind !== 'refused') continue;
    const reason = `the broker refuses ${CALLED[name]}, ${reasonText(lane.reason)}: ${seen.waiting[name]} waiting`;
    return { condition: 'failed', reason, cause: `refused ${name} ${lane.reason}` };
  }
  if (seen.refusal) {
    const { topic, reason } = seen.refusal;
    return {
      condition: 'failed',
      reason: `the broker refuses ${topic}, ${reasonText(reason)}`,
      cause: `refused ${topic} ${reason}`,
    };
  }
  for (const name of MISSED) {
    if (seen.lane(name).kind !== 'unheard') continue;
    const reason = `nobody is subscribed to ${CALLED[name]}: ${seen.waiting[name]} waiting`;
    return { condition: 'recovering', reason, cause: `unheard ${name}` };
  }
  return { condition: 'ok', reason: null, cause: 'ok' };
}
