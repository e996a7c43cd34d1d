import { expect, test } from 'vitest';
import { SpectaError } from '../../src/platform/errors.ts';
import { createLog } from '../../src/platform/log.ts';

function logged(error: unknown): unknown {
  const lines: string[] = [];
  createLog('info', { write: (line) => lines.push(line) }).error({ error }, 'it went wrong');
  const [line = ''] = lines;
  return (JSON.parse(line) as { error: unknown }).error;
}

test('an error is logged with its code, its message and what to do, whoever threw it', () => {
  expect(logged(new SpectaError('DISK_FULL', 'The disk is full.', 'Make room.'))).toEqual({
    code: 'DISK_FULL',
    message: 'The disk is full.',
    help: 'Make room.',
  });
  expect(logged(new TypeError('a fault of ours'))).toMatchObject({
    code: 'INTERNAL',
    message: expect.stringContaining('a fault of ours'),
  });
});

test('words are logged as they are', () => {
  expect(logged('the camera was unplugged')).toBe('the camera was unplugged');
});
