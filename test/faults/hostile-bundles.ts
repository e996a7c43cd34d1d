import { gzipSync } from 'node:zlib';
import { BLOCK_BYTES } from '../../src/model/archive-header.ts';
import { archiveOf, archiveOfBundle, type Part, partsOf, smallBundle } from '../fixtures/small-bundle.ts';
import { closed, entry, type Forged, forgedHeader, joined, plain } from './hostile-tar.ts';
import { GOOD, STRANGER, VENDOR } from './hostile-vehicle.ts';

/** One hostile file and the code that it must be refused with. */
export interface Attack {
  readonly name: string;
  readonly code: string;
  readonly archive: () => Uint8Array;
}

const next = smallBundle('2.0.0');
const other = smallBundle('2.1.0');
const parts = partsOf(next, VENDOR);
const [manifest, signature, ...files] = parts as [Part, Part, ...Part[]];
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Attack on the archive itself: what stands in the place of its first file, all else being right and signed. */
function trick(name: string, forged: Forged, content: Uint8Array = files[0]?.bytes ?? utf8('')): Attack {
  const [card, ...rest] = files as [Part, ...Part[]];
  return {
    name,
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () =>
      closed([
        plain(manifest),
        plain(signature),
        entry(forgedHeader(card.path, content.byteLength, forged), content),
        ...rest.map(plain),
      ]),
  };
}

/** Attack with a manifest that the vendor's own key has signed: a compromised or careless build. */
function signed(name: string, code: string, change: Parameters<typeof smallBundle>[1]): Attack {
  return { name, code, archive: () => archiveOfBundle(smallBundle('2.0.0', change), VENDOR) };
}

function signedText(name: string, code: string, text: Uint8Array): Attack {
  const bundle = { ...next, manifestBytes: text };
  return { name, code, archive: () => archiveOfBundle(bundle, VENDOR) };
}

const claimed = (path: string, bytes: number) => ({ path, bytes, sha256: 'a'.repeat(64) });
const listed = next.manifest.files as { path: string; bytes: number; sha256: string }[];
const withFiles = (...more: object[]) => ({ manifest: { files: [...listed, ...more] } });

/** TUF's threats that one file can carry; those of time and of keys are tests of their own. */
export const TUF_ATTACKS: readonly Attack[] = [
  { name: 'arbitrary install: nobody signed', code: 'BUNDLE_UNSIGNED', archive: () => archiveOfBundle(next) },
  {
    name: 'arbitrary install: a stranger signed',
    code: 'BUNDLE_SIGNATURE_INVALID',
    archive: () => archiveOfBundle(next, STRANGER),
  },
  {
    name: 'arbitrary install: a signature of zeros',
    code: 'BUNDLE_SIGNATURE_INVALID',
    archive: () => archiveOf([manifest, { ...signature, bytes: new Uint8Array(64) }, ...files]),
  },
  {
    name: 'arbitrary install: the manifest changed behind its signature',
    code: 'BUNDLE_SIGNATURE_INVALID',
    archive: () =>
      archiveOf([
        { ...manifest, bytes: utf8(new TextDecoder().decode(manifest.bytes).replace('0.6', '0.9')) },
        signature,
        ...files,
      ]),
  },
  {
    name: 'arbitrary install: the weights changed behind the manifest',
    code: 'BUNDLE_FILE_ALTERED',
    archive: () =>
      archiveOf(
        parts.map((part) =>
          part.path === 'model.onnx' ? { ...part, bytes: part.bytes.map((byte) => byte ^ 1) } : part,
        ),
      ),
  },
  {
    name: 'arbitrary install: a short signature',
    code: 'BUNDLE_UNSIGNED',
    archive: () => archiveOf([manifest, { ...signature, bytes: signature.bytes.slice(0, 63) }, ...files]),
  },
  {
    name: 'endless data: megabytes behind the end',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => joined([archiveOf(parts), new Uint8Array(4_000_000)]),
  },
  signed('endless data: 600 GB of weights', 'BUNDLE_TOO_LARGE', withFiles(claimed('more.bin', 600e9))),
  signed(
    'endless data: bytes beyond all numbers',
    'BUNDLE_MANIFEST_INVALID',
    withFiles(claimed('more.bin', 1e300)),
  ),
  signed(
    'endless data: 2,000 files',
    'BUNDLE_TOO_LARGE',
    withFiles(...Array.from({ length: 2_000 }, (_, index) => claimed(`f${index}`, 0))),
  ),
  signedText('endless data: a manifest of 2 MB', 'BUNDLE_TOO_LARGE', new Uint8Array(2_000_000).fill(0x20)),
  {
    name: 'rollback: an older version, signed',
    code: 'BUNDLE_DOWNGRADE',
    archive: () => archiveOfBundle(smallBundle('0.9.5'), VENDOR),
  },
  {
    name: 'rollback: the version that serves with other contents',
    code: 'BUNDLE_DOWNGRADE',
    archive: () => archiveOfBundle(smallBundle('1.0.0', { weights: utf8('others') }), VENDOR),
  },
  {
    name: 'mix and match: the manifest of one version, the signature of another',
    code: 'BUNDLE_SIGNATURE_INVALID',
    archive: () => archiveOf([manifest, partsOf(other, VENDOR)[1] as Part, ...files]),
  },
  {
    name: 'mix and match: the manifest of one version, the weights of another',
    code: 'BUNDLE_FILE_ALTERED',
    archive: () =>
      archiveOf(parts.map((part) => (part.path === 'model.onnx' ? (other.files.at(2) as Part) : part))),
  },
  {
    name: 'mix and match: the files of the bundle that serves',
    code: 'BUNDLE_FILE_ALTERED',
    archive: () => archiveOf([manifest, signature, ...GOOD.files]),
  },
  signed('wrong software: another model', 'BUNDLE_ANOTHER_MODEL', { name: 'pump-vibration' }),
  signed('wrong software: a manifest of schema 2', 'BUNDLE_INCOMPATIBLE', { manifest: { schema: 2 } }),
  signed('wrong software: for a later SPECTA', 'BUNDLE_INCOMPATIBLE', {
    manifest: { requires: { specta: '9.0.0' } },
  }),
  signed('wrong software: for another engine', 'BUNDLE_INCOMPATIBLE', {
    manifest: { requires: { engines: ['hailo'] } },
  }),
  signed('wrong software: for colour pictures', 'BUNDLE_INCOMPATIBLE', {
    manifest: { input: { width: 64, height: 64, channels: 3 } },
  }),
  signed('wrong software: for another provider', 'BUNDLE_INCOMPATIBLE', {
    manifest: { tolerances: { tensorrt: 0.01 } },
  }),
  signed('wrong software: no model at all', 'BUNDLE_MANIFEST_INVALID', { manifest: { golden: [] } }),
];

/** What a tar can be made to say. */
export const TAR_TRICKS: readonly Attack[] = [
  trick('an absolute path', { name: '/etc/passwd' }),
  trick('a path upwards', { name: '../../../etc/passwd' }),
  trick('a path upwards in the prefix', { prefix: '../..' }),
  trick('a path with a back slash', { name: '..\\..\\model.onnx' }),
  trick('a symbolic link', { type: '2', link: '/etc/passwd' }),
  trick('a hard link', { type: '1', link: '/etc/passwd' }),
  trick('a plain file with a link name', { link: '/etc/passwd' }),
  trick('a character device', { type: '3', device: '0000001\0' }),
  trick('a block device', { type: '4', device: '0000010\0' }),
  trick('a folder', { type: '5', name: 'MODEL_CARD.md/' }),
  trick('a FIFO', { type: '6' }),
  trick('a contiguous file', { type: '7' }),
  trick('an old tar’s plain file', { type: '\0' }),
  trick('an unknown type', { type: 'Z' }),
  trick('a pax header with a path', { type: 'x' }, utf8('18 path=/etc/passwd\n')),
  trick('a global pax header', { type: 'g' }, utf8('18 path=/etc/passwd\n')),
  trick('a GNU long name', { type: 'L', name: '././@LongLink' }, utf8('/etc/passwd')),
  trick('a GNU long link', { type: 'K', name: '././@LongLink' }, utf8('/etc/passwd')),
  trick('a GNU sparse file', { type: 'S' }),
  trick('a size in base 256', {
    size: new Uint8Array([0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
  }),
  trick('a negative size', { size: new Uint8Array(12).fill(0xff) }),
  trick('a size of 8 GB', { size: '77777777777\0' }),
  trick('a size that is no number', { size: '99999999999\0' }),
  trick('a size with a sign', { size: '-0000000014\0' }),
  trick('an empty size', { size: '' }),
  trick('a name that is no UTF-8', { name: new Uint8Array([0x66, 0xff, 0xfe, 0x80]) }),
  trick('a name with a zero in it', { name: 'MODEL_CARD.md\0/../../x' }),
  trick('an empty name', { name: '' }),
  trick('a name with a line feed', { name: 'MODEL\nCARD' }),
  trick('another case of the name', { name: 'model_card.MD' }),
  trick('a name twice: the manifest again', { name: 'manifest.json' }),
  trick('a name twice: a signature again', { name: 'manifest.sig' }),
  trick('a name that is not its turn', { name: 'model.onnx' }),
  trick('a set-user-ID bit', { mode: '0004755\0' }),
  trick('an owner', { owner: '0001750\0' }),
  trick('a time', { time: '14000000000\0' }),
  trick('another magic', { magic: 'ustar  \0' }),
  trick('no magic', { magic: '' }),
  trick('something in the unused end of a header', { tail: 'hidden' }),
  trick('a wrong sum', { wrongSum: true, mode: '0000755\0' }),
  {
    name: 'a file twice',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => archiveOf([manifest, signature, files[0] as Part, ...files]),
  },
  {
    name: 'a file that nobody lists',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => archiveOf([...parts, { path: 'extra.sh', bytes: utf8('rm -rf /') }]),
  },
  {
    name: 'a file less',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => archiveOf(parts.slice(0, -1)),
  },
  {
    name: 'files in another order',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => archiveOf([manifest, signature, ...[...files].reverse()]),
  },
  {
    name: 'a file in front of the manifest',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => archiveOf([files[0] as Part, manifest, signature, ...files.slice(1)]),
  },
  {
    name: 'bytes hidden behind a file',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive() {
      const archive = archiveOf(parts);
      archive[archive.byteLength - 2 * BLOCK_BYTES - 1] = 1;
      return archive;
    },
  },
  {
    name: 'bytes in the end',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive() {
      const archive = archiveOf(parts);
      archive[archive.byteLength - 1] = 1;
      return archive;
    },
  },
  {
    name: 'one zero block at the end',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => archiveOf(parts).slice(0, -BLOCK_BYTES),
  },
  {
    name: 'another archive behind the end',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => joined([archiveOf(parts), archiveOfBundle(other, VENDOR)]),
  },
  { name: 'nothing', code: 'BUNDLE_ARCHIVE_INVALID', archive: () => new Uint8Array(0) },
  { name: 'one byte', code: 'BUNDLE_ARCHIVE_INVALID', archive: () => new Uint8Array(1) },
  {
    name: 'zeros',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => new Uint8Array(100_000),
  },
  {
    name: 'a gzip bomb',
    code: 'BUNDLE_ARCHIVE_INVALID',
    archive: () => new Uint8Array(gzipSync(new Uint8Array(10_000_000))),
  },
  signed(
    'signed: a path that leads out',
    'BUNDLE_MANIFEST_INVALID',
    withFiles(claimed('../../../etc/cron.d/x', 1)),
  ),
  signed('signed: an absolute path', 'BUNDLE_MANIFEST_INVALID', withFiles(claimed('/etc/cron.d/x', 1))),
  signed(
    'signed: a path of 250 characters',
    'BUNDLE_MANIFEST_INVALID',
    withFiles(claimed(`${'d/'.repeat(125)}x`, 1)),
  ),
  signed(
    'signed: two names that differ in case',
    'BUNDLE_MANIFEST_INVALID',
    withFiles(claimed('MODEL.onnx', 1)),
  ),
  signed('signed: a file below a file', 'BUNDLE_MANIFEST_INVALID', withFiles(claimed('model.onnx/x', 1))),
  signed(
    'signed: the manifest lists its signature',
    'BUNDLE_MANIFEST_INVALID',
    withFiles(claimed('manifest.sig', 64)),
  ),
  signed(
    'signed: a file below the signature',
    'BUNDLE_MANIFEST_INVALID',
    withFiles(claimed('Manifest.sig/x', 1)),
  ),
  signedText('signed: no JSON', 'BUNDLE_MANIFEST_INVALID', utf8('{"schema": 1,')),
  signedText('signed: brackets without end', 'BUNDLE_MANIFEST_INVALID', utf8('['.repeat(900_000))),
  signedText(
    'signed: depth without end',
    'BUNDLE_MANIFEST_INVALID',
    utf8(`${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}`),
  ),
  signedText('signed: no UTF-8', 'BUNDLE_MANIFEST_INVALID', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])),
  signedText('signed: nothing', 'BUNDLE_MANIFEST_INVALID', new Uint8Array(0)),
  signedText('signed: null', 'BUNDLE_MANIFEST_INVALID', utf8('null')),
  signed('signed: a prototype', 'BUNDLE_MANIFEST_INVALID', {
    manifest: JSON.parse('{"__proto__": {"schema": 1}}') as Record<string, unknown>,
  }),
];
