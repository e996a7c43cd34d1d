import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCameraUri, withoutSecrets } from '../../src/camera/camera-uri.ts';
import { SpectaError } from '../../src/platform/errors.ts';

function refusal(uri: string): SpectaError {
  try {
    parseCameraUri(uri);
  } catch (error) {
    if (error instanceof SpectaError) return error;
    throw error;
  }
  throw new Error(`${uri} was taken`);
}

test('each scheme is taken apart', () => {
  expect(parseCameraUri('replay:footage/run 1')).toEqual({ kind: 'replay', path: 'footage/run 1' });
  expect(parseCameraUri('replay:list.txt')).toEqual({ kind: 'replay', path: 'list.txt' });
  expect(parseCameraUri('file:dive 12:30.mp4')).toEqual({ kind: 'file', path: 'dive 12:30.mp4' });
  expect(parseCameraUri('file:///srv/a%20b.mp4')).toEqual({ kind: 'file', path: '/srv/a%20b.mp4' });
  expect(parseCameraUri('RTSP://cam:554/main?x=1')).toEqual({ kind: 'rtsp', url: 'rtsp://cam:554/main?x=1' });
  expect(parseCameraUri('rtsps://[::1]/s')).toEqual({ kind: 'rtsp', url: 'rtsps://[::1]/s' });
  expect(parseCameraUri('v4l2:/dev/video0')).toEqual({ kind: 'v4l2', device: '/dev/video0' });
});

test.each([
  ['command:ffmpeg -i a.mp4 pipe:1', ['ffmpeg', '-i', 'a.mp4', 'pipe:1']],
  [`command:sh -c 'a | b > "c"'`, ['sh', '-c', 'a | b > "c"']],
  ['command: "a b"c\td\\ e ""', ['a bc', 'd e', '']],
  ['command:x "a\\"b\\\\c\\d"', ['x', 'a"b\\c\\d']],
  ['command:x "|" \\; $HOME *', ['x', '|', ';', '$HOME', '*']],
  ['command:gst-launch-1.0 a ! b ! fdsink', ['gst-launch-1.0', 'a', '!', 'b', '!', 'fdsink']],
])('a command line is split without a shell: %s', (uri, argv) => {
  expect(parseCameraUri(uri)).toEqual({ kind: 'command', argv });
});

test.each([
  'command:a | b',
  'command:a 2>/dev/null',
  'command:a && b',
  "command:sh -c 'open",
  'command:a \\',
  'command:""',
  'command:',
  'replay:',
  'file:  ',
  'rtsp:camera',
  'rtsp://',
  'rtsp:// space/x',
  'replay:a\0b',
  '',
  ':',
])('%j is refused with its code and help', (uri) => {
  const error = refusal(uri);
  expect(error.code).toBe('CAMERA_URI_INVALID');
  expect(error.help).not.toBe('');
});

test.each([
  ['repaly:dir', 'replay:DIR'],
  ['rtp://cam/x', 'rtsp://HOST/PATH'],
  ['v4l:/dev/video0', 'v4l2:/dev/video0'],
  ['comand:x', 'command:PROGRAM ARGUMENTS'],
  ['fil:x.mp4', 'file:CLIP.mp4'],
  ['/dev/video2', 'v4l2:/dev/video2'],
  ['dive.mp4', 'file:dive.mp4'],
  ['./footage', 'replay:./footage'],
])('%s: the nearest URI is named', (uri, guess) => {
  expect(refusal(uri).help).toContain(`Did you mean ${guess}?`);
});

test('what is near to nothing gets no guess, but the schemes', () => {
  expect(refusal('zzzzzzzz:x').help).toMatch(/^Known are replay:DIR/);
});

test('whatever the text, there is a camera or a SpectaError', () => {
  const scheme = fc.constantFrom('replay:', 'file:', 'rtsp://', 'rtsp:', 'rtsps://', 'command:', 'v4l2:', '');
  const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.webUrl());
  fc.assert(
    fc.property(scheme, text, (head, tail) => {
      try {
        parseCameraUri(head + tail);
      } catch (error) {
        expect(error).toBeInstanceOf(SpectaError);
      }
    }),
  );
});

test('a quoted argument comes back as it was', () => {
  const quoted = (word: string): string => `'${word.replaceAll("'", `'"'"'`)}'`;
  const word = fc.string().filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const uri = `command:program ${words.map(quoted).join(' ')}`;
      expect(parseCameraUri(uri)).toEqual({ kind: 'command', argv: ['program', ...words] });
    }),
  );
});

test('passwords do not show', () => {
  expect(withoutSecrets('rtsp://pilot:s3c@ret@10.0.0.2/x?password=abc&y=1')).toBe(
    'rtsp://pilot:***@10.0.0.2/x?password=***&y=1',
  );
  expect(refusal('rtp://pilot:secret@cam/x').message).not.toContain('secret');
});
