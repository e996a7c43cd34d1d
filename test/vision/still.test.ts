import { expect, test } from 'vitest';
import { hasEncodedEnd, stillFormatOf } from '../../src/vision/still.ts';

test('a file that ends within its own signature has no end and is no picture', () => {
  for (const head of ['RIFF', 'RIFF\u0001\u0000', 'GIF', '\u0089PNG\r\n\u001a\n', '']) {
    const bytes = Uint8Array.from(head, (letter) => letter.charCodeAt(0));
    expect(stillFormatOf(bytes)).toBe(head.startsWith('\u0089') ? 'encoded' : null);
    expect(hasEncodedEnd(bytes)).not.toBe(true);
  }
});
