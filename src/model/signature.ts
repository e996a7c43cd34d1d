import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { SpectaError } from '../platform/errors.ts';

/** Ed25519: 64 bytes of signature, 32 of public key. */
export const SIGNATURE_BYTES = 64;
const PUBLIC_BYTES = 32;
/** RFC 8410: what stands before the 32 bytes of a public key in its DER form. */
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex');
const SCHEME = 'ed25519:';

/** At most so many keys are trusted at once: the one in use and the one that follows it. */
export const MOST_TRUSTED_KEYS = 2;

/** A public key that may vouch for bundles. */
export interface TrustedKey {
  /** First 16 hex digits of the sha256 of its 32 bytes: its name for people. */
  readonly id: string;
  readonly key: KeyObject;
}

function keyInvalid(what: string, cause?: unknown): SpectaError {
  return new SpectaError(
    'KEY_INVALID',
    what,
    'Make a pair of keys with `specta model keygen`: the private one signs, the line it prints is trusted.',
    cause,
  );
}

function rawOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(SPKI_HEAD.length);
}

function trusted(key: KeyObject): TrustedKey {
  return { id: createHash('sha256').update(rawOf(key)).digest('hex').slice(0, 16), key };
}

/** Reads a public key as the configuration writes it: `ed25519:` and 32 bytes in base64. Throws `KEY_INVALID`. */
export function parseTrustedKey(text: string): TrustedKey {
  const encoded = text.startsWith(SCHEME) ? text.slice(SCHEME.length) : '';
  const raw = Buffer.from(encoded, 'base64');
  // Node passes over what is not base64: only what encodes back to the same text was meant.
  if (raw.length !== PUBLIC_BYTES || raw.toString('base64') !== encoded) {
    throw keyInvalid(
      `${JSON.stringify(text.slice(0, 80))} is no public key: ed25519: and 44 letters are due.`,
    );
  }
  return trusted(createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: 'der', type: 'spki' }));
}

/** Reads all trusted keys. Throws `KEY_INVALID`, also for more than two or one given twice. */
export function parseTrustedKeys(texts: readonly string[]): TrustedKey[] {
  const keys = texts.map(parseTrustedKey);
  if (keys.length > MOST_TRUSTED_KEYS)
    throw keyInvalid(`${keys.length} keys are trusted; at most ${MOST_TRUSTED_KEYS} may be at once.`);
  if (new Set(keys.map(({ id }) => id)).size !== keys.length) throw keyInvalid('One key is trusted twice.');
  return keys;
}

/** The public key as {@link parseTrustedKey} reads it. */
export function publicKeyText(key: KeyObject): string {
  return `${SCHEME}${rawOf(key).toString('base64')}`;
}

/** Reads a private key for signing (PEM, PKCS#8). Throws `KEY_INVALID` with no word of the key in it. */
export function parsePrivateKey(
  pem: Uint8Array,
  passphrase?: string,
): { readonly key: KeyObject; readonly id: string; readonly publicText: string } {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: Buffer.from(pem), ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    throw keyInvalid('The private key cannot be read: it is no PEM, or its passphrase is another.', error);
  }
  if (key.asymmetricKeyType !== 'ed25519')
    throw keyInvalid(`The private key is of type ${key.asymmetricKeyType}, not ed25519.`);
  const open = createPublicKey(key);
  return { key, id: trusted(open).id, publicText: publicKeyText(open) };
}

/** A new pair of keys: the private one as PEM (encrypted when a passphrase is given), the public one as text. */
export function newKeyPair(passphrase?: string): {
  readonly privatePem: string;
  readonly publicText: string;
  readonly id: string;
} {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const cipher = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString();
  return { privatePem, publicText: publicKeyText(publicKey), id: trusted(publicKey).id };
}

/** 64 bytes: Ed25519 over the manifest's exact bytes. */
export function signManifest(manifest: Uint8Array, key: KeyObject): Uint8Array<ArrayBuffer> {
  return new Uint8Array(sign(null, manifest, key));
}

/**
 * Who vouches for a manifest.
 *
 * @returns the id of the trusted key that made the signature; null when none of them did
 */
export function signerOf(
  manifest: Uint8Array,
  signature: Uint8Array,
  keys: readonly TrustedKey[],
): string | null {
  if (signature.byteLength !== SIGNATURE_BYTES) return null;
  return keys.find(({ key }) => verify(null, manifest, key, signature))?.id ?? null;
}
