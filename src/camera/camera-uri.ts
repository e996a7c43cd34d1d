import { SpectaError } from '../platform/errors.ts';
import { nearestName } from '../platform/nearest-name.ts';
import { splitCommand } from './command-line.ts';

/** A camera's URI, taken apart. */
export type CameraUri =
  | { readonly kind: 'replay'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'rtsp'; readonly url: string }
  | { readonly kind: 'command'; readonly argv: readonly [string, ...string[]] }
  | { readonly kind: 'v4l2'; readonly device: string };

const EXAMPLES = {
  replay: 'replay:DIR',
  file: 'file:CLIP.mp4',
  rtsp: 'rtsp://HOST/PATH',
  rtsps: 'rtsps://HOST/PATH',
  command: 'command:PROGRAM ARGUMENTS',
  v4l2: 'v4l2:/dev/video0',
} as const;

type Scheme = keyof typeof EXAMPLES;
const SCHEMES = Object.keys(EXAMPLES);
const KNOWN =
  'Known are replay:DIR, file:CLIP.mp4, rtsp://HOST/PATH, command:PROGRAM … and v4l2:/dev/video0.';

/**
 * Takes a camera URI apart: `replay:DIR`, `replay:LIST.txt`, `file:CLIP.mp4`, `rtsp://…`, `rtsps://…`,
 * `command:PROGRAM ARGUMENTS`, `v4l2:/dev/video0`. Paths are taken as they stand, without percent escapes;
 * `file:///abs/clip.mp4` is understood too. Looks at no disk. Throws `CAMERA_URI_INVALID`, and nothing else.
 */
export function parseCameraUri(text: string): CameraUri {
  const uri = text.trim();
  if (uri.includes('\0')) throw invalid(uri.replaceAll('\0', '\\0'), 'it holds a NUL character', KNOWN);
  const colon = uri.indexOf(':');
  const scheme = uri.slice(0, Math.max(0, colon)).toLowerCase();
  const rest = uri.slice(colon + 1);
  if (!isScheme(scheme)) throw unknownScheme(uri, colon < 0 ? null : scheme);
  if (rest.trim() === '') throw invalid(uri, `nothing follows ${scheme}:`, `Write ${EXAMPLES[scheme]}.`);
  switch (scheme) {
    case 'replay':
      return { kind: 'replay', path: rest };
    case 'file':
      return { kind: 'file', path: rest.startsWith('///') ? rest.slice(2) : rest };
    case 'v4l2':
      return { kind: 'v4l2', device: rest };
    case 'command':
      return { kind: 'command', argv: splitCommand(rest) };
    case 'rtsp':
    case 'rtsps':
      return { kind: 'rtsp', url: checkedUrl(uri, scheme, rest) };
  }
}

/** The text without the passwords that stand in URLs, for logs, states and messages. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/\/\/([^\s/:@]*):[^\s/]*@/g, '//$1:***@')
    .replace(/\b(pass|passwd|password|pwd)=[^&\s"']*/gi, '$1=***');
}

function isScheme(text: string): text is Scheme {
  return Object.hasOwn(EXAMPLES, text);
}

function checkedUrl(uri: string, scheme: Scheme, rest: string): string {
  const help = `Write ${EXAMPLES[scheme]}.`;
  if (/\s/.test(rest)) throw invalid(uri, 'a URL holds no white space', help);
  const url = `${scheme}:${rest}`;
  if (!rest.startsWith('//') || !URL.canParse(url) || new URL(url).hostname === '') {
    throw invalid(uri, 'the host is missing or malformed', help);
  }
  return url;
}

function unknownScheme(uri: string, scheme: string | null): SpectaError {
  const guess = guessedFor(uri, scheme);
  const what = scheme === null ? 'it has no scheme' : `the scheme "${scheme}:" is not known`;
  return invalid(uri, what, guess === null ? KNOWN : `Did you mean ${guess}? ${KNOWN}`);
}

function guessedFor(uri: string, scheme: string | null): string | null {
  if (/^\/dev\/video\d+$/.test(uri)) return `v4l2:${uri}`;
  if (/^[^:]+\.(mp4|mkv|avi|mov|ts|webm|mjpe?g|h26[45])$/i.test(uri)) return `file:${uri}`;
  if (/^[./~]/.test(uri)) return `replay:${uri}`;
  const nearest = nearestName(scheme ?? uri, SCHEMES);
  return nearest !== null && isScheme(nearest) ? EXAMPLES[nearest] : null;
}

function invalid(uri: string, what: string, help: string): SpectaError {
  return new SpectaError(
    'CAMERA_URI_INVALID',
    `The camera URI "${withoutSecrets(uri)}" is not valid: ${what}.`,
    help,
  );
}
