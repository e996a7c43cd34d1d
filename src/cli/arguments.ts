import { SpectaError } from '../platform/errors.ts';

type Parse<T> = (text: string) => T;

/** Reads an option that is a whole number; throws `USAGE`. */
export function wholeNumber(
  option: string,
  least = 1,
  most: number = Number.MAX_SAFE_INTEGER,
): Parse<number> {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
    throw new SpectaError(
      'USAGE',
      `${option} ${text} is no whole number ${range}.`,
      `Give one, as in ${option} ${Math.max(least, Math.min(most, 4))}.`,
    );
  };
}

/** Reads an option that is a number above 0; throws `USAGE`. */
export function positiveNumber(option: string): Parse<number> {
  return (text) => {
    const value = Number(text);
    if (value > 0 && Number.isFinite(value)) return value;
    throw new SpectaError(
      'USAGE',
      `${option} ${text} is no number above 0.`,
      `Give one, as in ${option} 2.5.`,
    );
  };
}

/** Reads an option that is one of some words; throws `USAGE`. */
export function oneOf<Word extends string>(option: string, words: readonly Word[]): Parse<Word> {
  return (text) => {
    const word = words.find((known) => known === text);
    if (word !== undefined) return word;
    throw new SpectaError('USAGE', `${option} ${text} is not known.`, `Give one of: ${words.join(', ')}.`);
  };
}

const PROTOCOLS: ReadonlySet<string> = new Set(['mqtt:', 'mqtts:', 'tcp:', 'ssl:', 'ws:', 'wss:']);

/** Reads a broker's address; throws `USAGE`. */
export function brokerAddress(option: string): Parse<string> {
  return (text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !PROTOCOLS.has(url.protocol) || url.hostname === '') {
      throw new SpectaError(
        'USAGE',
        `${option} ${text} is no address of a broker.`,
        'Give one as mqtt://HOST[:PORT] or mqtts://HOST[:PORT].',
      );
    }
    if (url.username !== '' || url.password !== '') {
      throw new SpectaError(
        'USAGE',
        `The address given with ${option} holds a user name or password, which everyone on this machine can read.`,
        'Give the address alone: `specta watch` takes --username and --password-file, the daemon its configuration.',
      );
    }
    return text;
  };
}
