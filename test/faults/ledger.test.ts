import { expect, test } from 'vitest';
import type { Finding } from '../../src/domain/finding.ts';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';
import { messageExamples } from '../../src/surface/messages/examples.ts';
import { sampleFinding } from '../record/sample-values.ts';
import type { BlackBoxContents } from '../scenarios/black-box.ts';
import { Ledger, type Verdict } from './ledger.ts';

function alert(boot: string, sequence: number, finding: string, phase: AlertMessage['phase']): AlertMessage {
  const example = messageExamples().alert as AlertMessage;
  return { ...example, boot, sequence, finding, phase, class: 'crack', run: 'r' };
}

const closed = (id: string): Finding => sampleFinding(id, 'r', { closedAt: { monoMs: 1, utcMs: 1 } });

function contents(findings: readonly Finding[], waiting: readonly AlertMessage[] = []): BlackBoxContents {
  return { findings, waiting, runs: [], drops: {}, damage: null, stills: [] };
}

const opened = alert('b1', 1, 'F', 'opened');
const ended = alert('b1', 2, 'F', 'closed');

function judge(
  heard: readonly AlertMessage[],
  afterKill = contents([closed('F')], [opened, ended]),
): Verdict {
  const ledger = new Ledger();
  ledger.inspect(afterKill);
  for (const each of heard) ledger.hear(each);
  return ledger.settle(contents([closed('F')]));
}

test('the books agree when everything came once, or again as it was', () => {
  expect(judge([opened, ended])).toEqual({ committed: 2, delivered: 2, duplicates: 0, lost: 0, faults: [] });
  const again = [opened, ended, { ...opened, historical: true }, ended];
  expect(judge(again)).toEqual({ committed: 2, delivered: 2, duplicates: 2, lost: 0, faults: [] });
});

test.each([
  ['an alert that waited on the disk and never came', [opened], 'lost: F closed'],
  [
    'the same number with other contents',
    [opened, { ...opened, frames: 99 }, ended],
    'b1 1 came with two contents',
  ],
  ['a step under two numbers', [opened, ended, { ...ended, sequence: 3 }], 'F closed under two sequences'],
  ['a wrong order', [ended, opened], 'b1 1 came first after sequence 2'],
  ['a finding that nobody committed', [opened, ended, alert('b2', 1, 'G', 'opened')], 'G was told'],
  ['a finding of another class', [{ ...opened, class: 'corrosion' as const }, ended], 'F changed its class'],
])('the books see %s', (_, heard, fault) => {
  expect(judge(heard).faults.join()).toContain(fault);
});

test('the books see an alert that left the outbox and came nowhere', () => {
  // Nothing of it in the outbox after any kill: only the finding tells that it was committed.
  expect(judge([opened], contents([])).lost).toBe(1);
});

test('the books see what was said to be committed and is not on the disk after the kill, though it came', () => {
  const ledger = new Ledger();
  ledger.witness(opened);
  ledger.witness(ended);
  ledger.hear(opened);
  ledger.hear(ended);
  ledger.inspect(contents([sampleFinding('F', 'r')]));
  const { lost, faults } = ledger.settle(contents([closed('F')]));
  expect(lost).toBe(1);
  expect(faults.join()).toContain('F closed was committed, and is not on the disk');
});

test('the books see what was said to be committed and never came', () => {
  const updated = alert('b1', 2, 'F', 'updated');
  const ledger = new Ledger();
  for (const each of [opened, updated]) ledger.witness(each);
  ledger.hear(opened);
  const { lost, committed } = ledger.settle(contents([sampleFinding('F', 'r')]));
  expect({ lost, committed }).toEqual({ lost: 1, committed: 2 });
});

test.each([
  ['few have waited', 64, true],
  ['so many have waited that those of the present pass them', 65, false],
])('boots come one after the other; when %s (%i), that is asked for: %s', (_, count, isAskedFor) => {
  const old = Array.from({ length: count }, (_none, index) => alert('b1', index + 1, 'F', 'updated'));
  const fresh = [alert('b2', 1, 'F', 'updated'), alert('b2', 2, 'F', 'updated')];
  const heard = [...old.slice(0, 9), fresh[0], ...old.slice(9), fresh[1]];
  const told = judge(heard, contents([closed('F')], old)).faults.filter((fault) => fault.includes('goes on'));
  expect(told.length > 0).toBe(isAskedFor);
});
