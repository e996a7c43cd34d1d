import type { FindingChange } from '../../src/domain/finding.ts';
import type { DefectClass } from '../../src/domain/verdict.ts';
import { SimulatedLine, SimulatedPin } from '../../src/light/gpio/simulated.ts';
import { createLight, type Light } from '../../src/light/light.ts';
import { DEFAULT_LIGHT_POLICY, type LightPolicy } from '../../src/light/policy.ts';
import { ManualClock } from '../../src/platform/clock.ts';

/** A manual clock that knows how many of its timers have neither fired nor been cancelled. */
export class CountingClock extends ManualClock {
  pendingTimers = 0;

  override after(ms: number, callback: () => void): () => void {
    this.pendingTimers += 1;
    let isPending = true;
    const end = (): void => {
      if (isPending) this.pendingTimers -= 1;
      isPending = false;
    };
    const cancel = super.after(ms, () => {
      end();
      callback();
    });
    return () => {
      end();
      cancel();
    };
  }
}

/** A finding's change as far as the light looks at it. */
export function change(
  phase: FindingChange['phase'],
  id: string,
  defect: DefectClass = 'crack',
): FindingChange {
  const at = { monoMs: 0, utcMs: 0 };
  const isClosed = phase === 'closed';
  return {
    phase,
    at,
    peakChanged: false,
    finding: {
      id,
      runId: 'run-1',
      defect,
      severity: 'high',
      advice: { en: 'Weld the crack.', id: 'Las retakan.' },
      openedAt: at,
      lastSeenAt: at,
      closedAt: isClosed ? at : null,
      closeReason: isClosed ? 'gone' : null,
      detections: 3,
      meanProbability: 0.9,
      peak: { frame: { sequence: 0, capturedAt: at, source: 'test' }, probability: 0.9 },
      thresholds: { on: 0.6, off: 0.3 },
      model: { name: 'test', version: '1.0.0', digest: 'ab', engine: 'onnx', provider: 'cpu' },
      fix: null,
    },
  };
}

/** No lamp test at start, so that a test sees only what it is about. */
export const QUIET = { lampTestSeconds: 0 };

/** A light on a bench: its wire is watched while time is moved by hand. */
export class BenchLight {
  readonly clock = new CountingClock();
  readonly pin = new SimulatedPin();
  readonly line = new SimulatedLine(this.pin);
  readonly light: Light;
  readonly kinds: string[] = [];
  readonly conditions: string[] = [];

  constructor(policy: Partial<LightPolicy> = {}) {
    this.light = createLight(this.line, { ...DEFAULT_LIGHT_POLICY, ...policy }, this.clock);
    this.light.onState((state) => this.kinds.push(state.kind));
    this.light.onStatus((status) => this.conditions.push(status.condition));
  }

  /** The wire over the next `seconds`: one character for each `everyMs`, `#` lit, `.` dark. */
  async watch(seconds: number, everyMs = 250): Promise<string> {
    let seen = '';
    for (let ms = 0; ms < seconds * 1000; ms += everyMs) {
      seen += this.pin.level ? '#' : '.';
      await this.clock.advance(everyMs);
    }
    return seen;
  }
}
