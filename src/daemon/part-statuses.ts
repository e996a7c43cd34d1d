import type { CameraState } from '../camera/frame-source.ts';
import type { Part, PartCondition, PartStatus } from '../domain/status.ts';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import type { EngineState } from './supervised-vision.ts';

/** What each part says of itself now; tells listeners only of changes. */
export class PartStatuses {
  readonly changes = new Emitter<PartStatus>();
  private readonly clock: Clock;
  private readonly current = new Map<Part, PartStatus>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** @param reason a sentence for people; null when `ok` */
  set(part: Part, condition: PartCondition, reason: string | null): void {
    const before = this.current.get(part);
    if (before && before.condition === condition && before.reason === reason) return;
    const sinceUtcMs = before?.condition === condition ? before.sinceUtcMs : this.clock.now().utcMs;
    const status: PartStatus = { part, condition, reason, sinceUtcMs };
    this.current.set(part, status);
    this.changes.emit(status);
  }

  get(part: Part): PartStatus | null {
    return this.current.get(part) ?? null;
  }

  all(): PartStatus[] {
    return [...this.current.values()];
  }
}

type Condition = Pick<PartStatus, 'condition' | 'reason'>;

/** How `status/camera` puts a camera's state. */
export function cameraCondition(state: CameraState): Condition {
  switch (state.kind) {
    case 'streaming':
      return { condition: 'ok', reason: null };
    case 'starting':
      return { condition: 'recovering', reason: 'the camera is starting' };
    case 'recovering':
      return { condition: 'recovering', reason: state.reason };
    case 'idle':
      return { condition: 'absent', reason: 'the camera was not started' };
    case 'stopped':
      return {
        condition: 'absent',
        reason: state.reason === 'ended' ? 'the recording has ended' : 'the camera was stopped',
      };
  }
}

/** How `status/engine` puts the engine's state. */
export function engineCondition(state: EngineState): Condition {
  switch (state.kind) {
    case 'ready':
      return { condition: 'ok', reason: null };
    case 'starting':
      return { condition: 'recovering', reason: 'the engine is warming up' };
    case 'recovering':
      return { condition: 'recovering', reason: state.reason };
    case 'stopped':
      return { condition: 'absent', reason: 'the engine was stopped' };
  }
}
