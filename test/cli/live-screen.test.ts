import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { LiveScreen } from '../../src/cli/live-screen.ts';

const ESC = String.fromCharCode(27);

/** A terminal that remembers what was written. */
class PaperTerminal extends EventEmitter {
  columns = 20;
  rows = 4;
  paper = '';
  write(text: string): boolean {
    this.paper += text;
    return true;
  }
}

function open(): { terminal: PaperTerminal; screen: LiveScreen } {
  const terminal = new PaperTerminal();
  return { terminal, screen: new LiveScreen(terminal as unknown as NodeJS.WriteStream) };
}

test('a picture that has not changed is not written again; one that has is written in one piece', () => {
  const { terminal, screen } = open();
  screen.draw(['a', 'b']);
  const once = terminal.paper;
  screen.draw(['a', 'b']);
  expect(terminal.paper).toBe(once);
  screen.draw(['a', 'c']);
  const update = terminal.paper.slice(once.length);
  expect(update.startsWith(`${ESC}[?2026h`)).toBe(true);
  expect(update.endsWith(`${ESC}[?2026l`)).toBe(true);
  expect(update).not.toContain(`${ESC}[2J`);
  screen.close();
});

test('what does not fit is cut, to the right and below, and another size draws anew', () => {
  const { terminal, screen } = open();
  const lines = ['a line that is longer than twenty', 'b', 'c', 'd', 'never'];
  screen.draw(lines);
  expect(terminal.paper).toContain('a line that is long…');
  expect(terminal.paper).not.toContain('never');
  terminal.columns = 60;
  terminal.rows = 10;
  terminal.emit('resize');
  screen.draw(lines);
  expect(terminal.paper).toContain('never');
  screen.close();
});

test('closing gives the cursor and the screen back, once, and nothing is drawn afterwards', () => {
  const { terminal, screen } = open();
  const before = process.listenerCount('exit');
  screen.close();
  expect(terminal.paper.endsWith(`${ESC}[?25h${ESC}[?1049l`)).toBe(true);
  const end = terminal.paper;
  screen.close();
  screen.draw(['late']);
  expect(terminal.paper).toBe(end);
  expect(terminal.listenerCount('resize')).toBe(0);
  expect(process.listenerCount('exit')).toBe(before - 1);
});
