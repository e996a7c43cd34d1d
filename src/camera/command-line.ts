import { SpectaError } from '../platform/errors.ts';

/** What a shell would act on; without a shell it would reach the program as an argument, which nobody means. */
const SHELL_WORDS = /^(\||\|\||&|&&|;|\d?>>?&?\d?|\d?>>?\/\S*|<|<<)$/;

/**
 * Splits a command line into program and arguments, without a shell: white space separates; 'single quotes' keep
 * everything as it stands; "double quotes" keep everything but \" and \\; elsewhere a backslash keeps the next
 * character. Nothing is expanded: no variables, no wildcards, no pipes. Throws `CAMERA_URI_INVALID` for an open
 * quote, an empty line, or a bare `|`, `>`, `&&` and the like, which need `sh -c '…'`.
 */
export function splitCommand(line: string): readonly [string, ...string[]] {
  const words: string[] = [];
  let word: string | null = null;
  let quoted = false;
  let quote: '"' | "'" | null = null;
  const finish = (): void => {
    if (word === null) return;
    if (!quoted && SHELL_WORDS.test(word)) {
      throw invalid(
        `"${word}" means nothing without a shell`,
        `Quote it if it is an argument, or run a shell: command:sh -c '…'.`,
      );
    }
    words.push(word);
    word = null;
    quoted = false;
  };
  for (let index = 0; index < line.length; index++) {
    const character = line[index];
    if (quote !== null) {
      if (character === quote) quote = null;
      else if (quote === '"' && character === '\\' && /["\\]/.test(line[index + 1] ?? '')) {
        index += 1;
        word = (word ?? '') + line[index];
      } else word = (word ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      quoted = true;
      word = word ?? '';
    } else if (character === '\\') {
      if (index + 1 >= line.length)
        throw invalid('it ends in a backslash', 'Remove or double the backslash.');
      index += 1;
      quoted = true;
      word = (word ?? '') + line[index];
    } else if (/\s/.test(character)) finish();
    else word = (word ?? '') + character;
  }
  if (quote !== null) throw invalid(`the quote ${quote} is not closed`, 'Close the quote.');
  finish();
  const [program, ...rest] = words;
  if (program === undefined || program === '') {
    throw invalid('it names no program', 'Write command:PROGRAM ARGUMENTS.');
  }
  return [program, ...rest];
}

function invalid(what: string, help: string): SpectaError {
  return new SpectaError('CAMERA_URI_INVALID', `The camera command is not valid: ${what}.`, help);
}
