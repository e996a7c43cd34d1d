import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OutboxEntry, OutboxLane } from '../../src/domain/outbox.ts';
import type { Outbox } from '../../src/surface/outbox.ts';

/** An outbox under test, and the way into it. */
export interface OutboxStage {
  readonly outbox: Outbox;
  readonly add: (lane: OutboxLane, text: string) => Promise<number>;
  readonly close: () => Promise<void>;
}

const LANES: readonly OutboxLane[] = ['alert', 'run', 'image'];
const text = (entry: OutboxEntry): string => new TextDecoder().decode(entry.payload);

interface Expected {
  readonly id: number;
  readonly lane: OutboxLane;
  readonly text: string;
  attempts: number;
  reason: number | null;
}

const lane = fc.constantFrom(...LANES);
const step = fc.oneof(
  fc.record({ do: fc.constant('add' as const), lane, text: fc.string({ maxLength: 12 }) }),
  fc.record({ do: fc.constant('settle' as const), pick: fc.nat(12) }),
  fc.record({ do: fc.constant('mark' as const), pick: fc.nat(12), reason: fc.constantFrom(16, 128, 151) }),
  fc.record({
    do: fc.constant('head' as const),
    lane,
    limit: fc.integer({ min: 1, max: 6 }),
    pick: fc.nat(12),
  }),
);

/** What the link relies on, whatever holds the messages. */
export function outboxSuite(name: string, create: () => Promise<OutboxStage>): void {
  async function staged(use: (stage: OutboxStage) => Promise<void>): Promise<void> {
    const stage = await create();
    try {
      await use(stage);
    } finally {
      await stage.close();
    }
  }

  test(`${name}: whatever is added, settled, marked and read, each lane keeps its order and loses nothing`, () =>
    staged(async ({ outbox, add }) => {
      let expected: Expected[] = [];
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
          for (const each of steps) {
            if (each.do === 'add') {
              const id = await add(each.lane, each.text);
              expected.push({ id, lane: each.lane, text: each.text, attempts: 0, reason: null });
            } else if (each.do === 'head') {
              const after = expected[each.pick]?.id ?? 0;
              const wanted = expected.filter((row) => row.lane === each.lane && row.id > after);
              const given = await outbox.head(each.lane, each.limit, after);
              expect(given.map((entry) => [entry.id, text(entry), entry.attempts, entry.lastReason])).toEqual(
                wanted.slice(0, each.limit).map((row) => [row.id, row.text, row.attempts, row.reason]),
              );
            } else {
              const row = expected[each.pick];
              if (!row) continue;
              if (each.do === 'settle') {
                await outbox.settle(row.id);
                expected = expected.filter((other) => other !== row);
              } else {
                await outbox.mark(row.id, each.reason);
                row.attempts++;
                row.reason = each.reason;
              }
            }
          }
          const depth = outbox.depth();
          for (const each of LANES) {
            expect(depth.waiting[each]).toBe(expected.filter((row) => row.lane === each).length);
          }
          expect(depth.unheard).toBe(expected.filter((row) => row.reason === 16).length);
          expect(depth.oldestUtcMs === null).toBe(expected.length === 0);
          const ids = expected.map((row) => row.id);
          expect(ids).toEqual([...ids].sort((a, b) => a - b));
        }),
        { numRuns: 25 },
      );
    }));

  test(`${name}: an unknown number is settled and marked without an error`, () =>
    staged(async ({ outbox }) => {
      await outbox.settle(123_456);
      await outbox.mark(123_456, 16);
      expect(outbox.depth().unheard).toBe(0);
    }));

  test(`${name}: listeners hear the lane of what was committed until they end it`, () =>
    staged(async ({ outbox, add }) => {
      const heard: OutboxLane[] = [];
      const end = outbox.onCommit((each) => heard.push(each));
      await add('run', 'a');
      await add('alert', 'b');
      end();
      end();
      await add('image', 'c');
      expect(heard).toEqual(['run', 'alert']);
    }));
}
