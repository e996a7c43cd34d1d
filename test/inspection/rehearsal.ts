import type { FindingChange } from '../../src/domain/finding.ts';
import type { Fix } from '../../src/domain/fix.ts';
import type { DefectRule, Manifest } from '../../src/domain/manifest.ts';
import type { Instant } from '../../src/domain/time.ts';
import type { BlindReason, Label, Verdict } from '../../src/domain/verdict.ts';
import {
  createInspector,
  type InspectionStep,
  type Inspector,
  type InspectorOptions,
} from '../../src/inspection/inspector.ts';
import { DEFAULT_RULES, type InspectionRules } from '../../src/inspection/rules.ts';

export const CRACK_RULE: DefectRule = {
  on: 0.6,
  off: 0.3,
  severity: 'high',
  advice: { en: 'Weld the crack.', id: 'Las retakan.' },
};

export const CORROSION_RULE: DefectRule = {
  on: 0.7,
  off: 0.4,
  severity: 'medium',
  advice: { en: 'Coat the pipe.', id: 'Lapisi pipa.' },
};

/** What the test's bundle says of defects. */
export const DEFECTS: Manifest['defects'] = { corrosion: CORROSION_RULE, crack: CRACK_RULE };

/** The default rules without the severity raises, which have tests of their own. */
export const PLAIN_RULES: InspectionRules = { ...DEFAULT_RULES, raiseAtPeak: null, raiseAfterMs: null };

export const START_UTC = Date.UTC(2026, 0, 1);

export function instant(monoMs: number, utcMs = START_UTC + monoMs): Instant {
  return { monoMs, utcMs };
}

/** What a frame showed: probabilities by class, or why it was blind. */
export interface Shown {
  readonly corrosion?: number;
  readonly crack?: number;
  readonly label?: Label;
  readonly blind?: BlindReason;
}

export function verdictOf(sequence: number, capturedAt: Instant, shown: Shown): Verdict {
  const { corrosion, crack } = shown;
  const blind = shown.blind ?? null;
  return {
    frame: { sequence, capturedAt, source: 'test' },
    label: blind === null ? (shown.label ?? 'unsure') : null,
    blind,
    probabilities:
      blind === null
        ? { ...(corrosion === undefined ? {} : { corrosion }), ...(crack === undefined ? {} : { crack }) }
        : {},
    quality: {
      mean: 90,
      deviation: 40,
      saturatedShare: 0,
      sharpness: 9,
      localContrast: 12,
      change: sequence === 0 ? null : 3,
    },
    model: { name: 'test', version: '1.0.0', digest: 'ab', engine: 'onnx', provider: 'cpu' },
    stages: { decode: 1, preprocess: 1, infer: 1 },
  };
}

/** An inspector fed by a script: frames at a steady rate, with all its changes remembered. */
export class Rehearsal {
  readonly inspector: Inspector;
  readonly changes: FindingChange[] = [];
  readonly steps: InspectionStep[] = [];
  frameMs = 100;
  nowMs = 0;
  private sequence = 0;

  constructor(options: Partial<InspectorOptions> = {}) {
    let ids = 0;
    this.inspector = createInspector({
      rules: PLAIN_RULES,
      defects: DEFECTS,
      runId: 'run-1',
      newId: () => {
        ids += 1;
        return `finding-${ids}`;
      },
      ...options,
    });
  }

  /** `count` frames, each `frameMs` after the one before. */
  show(count: number, shown: Shown, fix: Fix | null = null): this {
    for (let i = 0; i < count; i += 1) {
      this.take(this.inspector.judge(verdictOf(this.sequence, instant(this.nowMs), shown), fix));
      this.sequence += 1;
      this.nowMs += this.frameMs;
    }
    return this;
  }

  /** No frames for `ms`, with a tick each second. */
  silence(ms: number): this {
    const end = this.nowMs + ms;
    while (this.nowMs < end) {
      this.nowMs = Math.min(end, this.nowMs + 1000);
      this.take(this.inspector.tick(instant(this.nowMs)));
    }
    return this;
  }

  stop(): this {
    this.take(this.inspector.stop(instant(this.nowMs), 'run-stopped'));
    return this;
  }

  /** `opened corrosion finding-1` and so on. */
  get story(): string[] {
    return this.changes.map((change) => `${change.phase} ${change.finding.defect} ${change.finding.id}`);
  }

  private take(step: InspectionStep): void {
    this.steps.push(step);
    this.changes.push(...step.changes);
  }
}
