import { isTerminal, paint } from './terminal.ts';

/** The end of a flash in one word. */
export type FlashEnd = 'YES' | 'NO' | 'WAIT';

const BIG: Readonly<Record<FlashEnd, readonly string[]>> = {
  YES: [
    '█   █ █████ █████',
    ' █ █  █     █    ',
    '  █   ████  █████',
    '  █   █         █',
    '  █   █████ █████',
  ],
  NO: ['█   █  ███ ', '██  █ █   █', '█ █ █ █   █', '█  ██ █   █', '█   █  ███ '],
  WAIT: [
    '█   █  ███  █████ █████',
    '█   █ █   █   █     █  ',
    '█ █ █ █████   █     █  ',
    '██ ██ █   █   █     █  ',
    '█   █ █   █ █████   █  ',
  ],
};

/** Prints how a flash ended: on a terminal in letters that are read at arm's length through a mask. */
export function printEnd(end: FlashEnd, lines: readonly string[]): void {
  const { bold, green, red, yellow } = paint(process.stdout);
  const colour = { YES: green, NO: red, WAIT: yellow }[end];
  const word = isTerminal(process.stdout) ? BIG[end].map((row) => `   ${bold(colour(row))}`) : [end];
  const space = isTerminal(process.stdout) ? [''] : [];
  process.stdout.write(`${[...space, ...word, ...space, ...lines].join('\n')}\n`);
}
