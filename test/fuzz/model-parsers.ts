import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InboxLedger } from '../../src/daemon/trial/inbox-ledger.ts';
import { BLOCK_BYTES, sizeIn } from '../../src/model/archive-header.ts';
import { parseManifest } from '../../src/model/manifest.ts';
import { parsePrivateKey, parseTrustedKeys, publicKeyText } from '../../src/model/signature.ts';
import { readSlots } from '../../src/model/slots-file.ts';
import { filesOver } from '../../src/platform/files.ts';
import { DIGEST_META } from '../../src/record/report/page.ts';
import { verifyReport } from '../../src/record/report/verify.ts';
import { VENDOR, Vehicle } from '../faults/hostile-vehicle.ts';
import { VolatileDisk } from '../faults/volatile-disk.ts';
import { archiveOfBundle, smallBundle } from '../fixtures/small-bundle.ts';
import { bytesOf, type FuzzedParser, must, textOf } from './fuzzed-parser.ts';

const MODELS = resolve(import.meta.dirname, '../../models');

const manifest: FuzzedParser = {
  name: "bundle's manifest",
  refusals: /^BUNDLE_MANIFEST_INVALID$/,
  async open() {
    const shipped = readFileSync(join(MODELS, 'specta-separable/0.2.0/manifest.json'));
    return {
      samples: [smallBundle().manifestBytes, new Uint8Array(shipped)],
      read: (bytes) => {
        const read = parseManifest(textOf(bytes), 'manifest.json');
        must(read.input.width > 0 && read.files.length > 0, 'a manifest of nothing');
      },
    };
  },
};

const header: FuzzedParser = {
  name: "archive's header (tar)",
  refusals: /^BUNDLE_ARCHIVE_INVALID$/,
  async open() {
    const archive = archiveOfBundle(smallBundle('2.0.0'), VENDOR);
    return {
      samples: [archive.slice(0, BLOCK_BYTES)],
      read: (bytes) => {
        const block = new Uint8Array(BLOCK_BYTES);
        block.set(bytes.subarray(0, BLOCK_BYTES));
        must(sizeIn(block, 'manifest.json') >= 0, 'a negative size');
      },
    };
  },
};

/** Attempts on one vehicle before a fresh one: its disk in memory keeps a log. */
const ATTEMPTS = 300;

const archive: FuzzedParser = {
  name: 'archive (tar), installed',
  refusals: /^BUNDLE_/,
  async open() {
    let vehicle = await Vehicle.ready();
    let attempts = 0;
    return {
      samples: [archiveOfBundle(smallBundle('2.0.0'), VENDOR)],
      async read(bytes) {
        attempts += 1;
        if (attempts % ATTEMPTS === 0) vehicle = await Vehicle.ready();
        const { code, message, harm, read } = await vehicle.attack(bytes);
        must(harm.length === 0, harm.join('; '));
        must(read <= bytes.length + 1, `${read} bytes were read of ${bytes.length}`);
        if (code === null) vehicle = await Vehicle.ready();
        else must(code.startsWith('BUNDLE_'), `${code}: ${message}`);
      },
    };
  },
};

const keys: FuzzedParser = {
  name: 'keys',
  refusals: /^KEY_INVALID$/,
  async open() {
    const pem = VENDOR.key.export({ type: 'pkcs8', format: 'pem' }).toString();
    return {
      samples: [bytesOf(pem), bytesOf(publicKeyText(VENDOR.trusted.key))],
      read: (bytes) => {
        if (bytes[0] === 0x2d) parsePrivateKey(Buffer.from(bytes));
        else parseTrustedKeys(textOf(bytes).split('\n'));
      },
    };
  },
};

const slots: FuzzedParser = {
  name: 'slots file',
  refusals: /^SLOTS_CORRUPT$/,
  async open() {
    const fs = filesOver(new VolatileDisk().calls);
    await fs.mkdir('/models');
    const id = { name: 'small', version: '1.0.0', digest: 'a'.repeat(64) };
    const value = {
      schema: 1,
      current: { kind: 'installed', ...id },
      previous: { kind: 'shipped' },
      trial: { bundle: id, phase: { kind: 'begun', boot: 'b' }, requestedUtcMs: 1 },
      lastTrial: { bundle: id, confirmed: false, reason: 'slow', utcMs: 2 },
      served: [id],
    };
    let count = 0;
    return {
      samples: [bytesOf(JSON.stringify(value))],
      async read(bytes) {
        // A name of its own each time: the disk in memory keeps what was written.
        count += 1;
        const folder = `/models/${count}`;
        await fs.mkdir(folder);
        await fs.writeFile(join(folder, 'slots.json'), bytes);
        try {
          must((await readSlots(fs, folder)).served.length >= 0, 'slots of nothing');
        } finally {
          await fs.remove(folder);
        }
      },
    };
  },
};

const ledger: FuzzedParser = {
  name: "inbox's ledger",
  refusals: /^none: one that cannot be read is begun anew$/,
  async open() {
    const fs = filesOver(new VolatileDisk().calls);
    await fs.mkdir('/state');
    const entry = { key: 'k', path: '/x', at: '2026-01-01T00:00:00.000Z', answer: null };
    return {
      samples: [bytesOf(JSON.stringify({ entries: [entry, { ...entry, answer: 'YES' }] }))],
      async read(bytes) {
        await fs.writeFile('/state/inbox.json', bytes);
        must((await new InboxLedger(fs, '/state/inbox.json').unfinished()).length >= 0, 'no entries');
        await fs.remove('/state/inbox.json');
      },
    };
  },
};

const report: FuzzedParser = {
  name: 'report, verified',
  refusals: /^DATA_INVALID$/,
  async open() {
    const fs = filesOver(new VolatileDisk().calls);
    await fs.mkdir('/report');
    const still = { file: 'a.jpg', sha256: 'a'.repeat(64), state: 'intact' };
    const data = JSON.stringify({ kind: 'specta-report', findings: [{ id: 'F-1', stills: [still] }] });
    const page = `<!doctype html><meta name="${DIGEST_META}" content="${'0'.repeat(64)}"><img data-file="a.jpg" alt="" src="data:image/jpeg;base64,AAAA"><script type="application/json" id="specta-data">${data}</script>`;
    return {
      samples: [data, page, `${'a'.repeat(64)}  a.jpg\n${'b'.repeat(64)} *b/c.jpg\n`].map(bytesOf),
      async read(bytes) {
        await fs.writeFile('/report/report', bytes);
        try {
          const { checked } = await verifyReport(fs, '/report/report');
          must(checked >= 0, 'nothing was checked');
        } finally {
          await fs.remove('/report/report');
        }
      },
    };
  },
};

export const modelParsers: readonly FuzzedParser[] = [manifest, header, archive, keys, slots, ledger, report];
