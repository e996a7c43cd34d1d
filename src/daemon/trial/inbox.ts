import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { BUNDLE_LIMITS } from '../../model/bundle-limits.ts';
import type { ModelStore } from '../../model/model-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { asSpectaError, SpectaError } from '../../platform/errors.ts';
import { type FileSystem, writeDurably } from '../../platform/files.ts';
import type { Logger } from '../../platform/log.ts';
import { every, type Repetition } from '../every.ts';
import { type InboxBundle, type InboxEntry, InboxLedger } from './inbox-ledger.ts';
import type { OnboardModels } from './onboard-models.ts';

export interface InboxParts {
  /** Where `.spectamodel` files are put; it need not be there. */
  readonly folder: string;
  /** Where is kept which files were taken. */
  readonly ledger: string;
  readonly store: ModelStore;
  readonly models: OnboardModels;
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly log: Logger;
}

const LOOK_EVERY_MS = 2_000;
/** A file that has not changed for so long is complete: copying a file never pauses so long, ms. */
const STABLE_MS = 4_000;
/** New files that are looked at at once; more are looked at when these are dealt with. */
const MOST_NEW = 32;
/** Files dealt with that are looked at again: they may have been exchanged. */
const MOST_KNOWN = 256;
const CHUNK_BYTES = 128 * 1024;
const ENDING = '.spectamodel';

interface Seen {
  readonly bytes: number;
  readonly modifiedUtcMs: number;
  readonly sinceMs: number;
}

const resultOf = (path: string): string => `${path}.result.txt`;

function wordsOf({ path, at, answer }: InboxEntry): string {
  const said = answer === null ? 'has no answer yet' : `was answered ${answer}`;
  return `The same content was taken at ${at}, as ${basename(path)}, and ${said}.`;
}

const nameOf = ({ name, version }: Pick<InboxBundle, 'name' | 'version'>): string => `${name}@${version}`;

/**
 * A folder in which files become models: each `.spectamodel` that lies there whole is verified, installed and put on
 * trial, once, and `FILE.result.txt` beside it says YES, NO or WAIT and why. One file after the other. It looks instead of
 * being told, because not every file system tells.
 */
export class Inbox {
  private readonly parts: InboxParts;
  private readonly ledger: InboxLedger;
  private readonly stopping = new AbortController();
  private readonly looking: Repetition;
  private seen = new Map<string, Seen>();
  private readonly done = new Set<string>();
  private hasBegun = false;
  private complaint: string | null = null;
  private under: Promise<void> = Promise.resolve();

  constructor(parts: InboxParts) {
    this.parts = parts;
    this.ledger = new InboxLedger(parts.fs, parts.ledger);
    this.looking = every(
      parts.clock,
      LOOK_EVERY_MS,
      () => {
        this.under = this.look();
        return this.under;
      },
      (error) => this.complain(error),
    );
  }

  /** Takes nothing any more; what was begun ends as an interrupted one at the next start. Idempotent. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('SPECTA was stopped'));
    this.looking.cancel();
    await this.under.catch(() => undefined);
  }

  /** Once for each reason: it looks often, and a disk may be away for long. */
  private complain(error: unknown): void {
    const { code, message } = asSpectaError(error);
    if (this.stopping.signal.aborted || message === this.complaint) return;
    this.complaint = message;
    this.parts.log.error({ code, folder: this.parts.folder }, `the inbox cannot be looked at: ${message}`);
  }

  private async look(): Promise<void> {
    const { folder, fs } = this.parts;
    if (this.stopping.signal.aborted) return;
    const names = (await fs.list(folder)).filter((name) => name.endsWith(ENDING) && !name.startsWith('.'));
    const complete = await this.completeOf(names);
    if (!this.hasBegun) {
      for (const entry of await this.ledger.unfinished()) await this.resume(entry);
      this.hasBegun = true;
    }
    for (const name of complete) {
      // One trial at a time: the next look comes soon.
      if (this.parts.models.facts.trial !== null || this.stopping.signal.aborted) return;
      await this.take(name);
    }
  }

  private async completeOf(names: readonly string[]): Promise<string[]> {
    const { folder, fs, clock } = this.parts;
    const nowMs = clock.now().monoMs;
    const seen = new Map<string, Seen>();
    const complete: string[] = [];
    const there = new Set(names);
    for (const name of this.done) if (!there.has(name)) this.done.delete(name);
    const fresh = names.filter((name) => !this.done.has(name)).slice(0, MOST_NEW);
    const known = names.filter((name) => this.done.has(name)).slice(0, MOST_KNOWN);
    for (const name of [...fresh, ...known]) {
      const found = await fs.lstat(join(folder, name));
      if (found?.kind !== 'file') continue;
      const { bytes, modifiedUtcMs } = found;
      const before = this.seen.get(name);
      const isSame = before?.bytes === bytes && before.modifiedUtcMs === modifiedUtcMs;
      const sinceMs = isSame ? before.sinceMs : nowMs;
      seen.set(name, { bytes, modifiedUtcMs, sinceMs });
      if (!isSame) this.done.delete(name);
      else if (nowMs - sinceMs >= STABLE_MS && !this.done.has(name)) complete.push(name);
    }
    this.seen = seen;
    return complete;
  }

  private async take(name: string): Promise<void> {
    const { folder, log, store, models } = this.parts;
    const path = join(folder, name);
    this.done.add(name);
    const entered = await this.entered(path);
    if (entered === null) return;
    log.warn({ path }, 'a model lies in the inbox');
    let entry = entered;
    try {
      const { id } = await store.install(path, {}, { signal: this.stopping.signal });
      const { name: model, version, digest } = id;
      entry = { ...entered, bundle: { name: model, version, digest } };
      await this.ledger.put(entry);
      if (models.serving.bundle.digest === digest) {
        await this.finish(entry, 'YES', `${nameOf(id)} was in use already.`);
        return;
      }
      await models.activate(`${nameOf(id)}@${digest}`, {});
      await this.tell(path, 'WAIT', `${nameOf(id)} is on trial beside the model that serves.`);
      await this.untilOver(id);
      await this.conclude(entry, id, 'another was put on trial');
    } catch (error) {
      // A stop is no answer: the next start gives it.
      if (this.stopping.signal.aborted) return;
      const { code, message, help } = asSpectaError(error);
      await this.finish(entry, 'NO', `${message} ${help} [${code}] Nothing was changed.`);
    }
  }

  /** Answers what was begun before SPECTA ended, by what came of it: the trial may have been over, or goes on by itself. */
  private async resume(entry: InboxEntry): Promise<void> {
    const { bundle } = entry;
    if (bundle === null) {
      const words = 'SPECTA ended before it was installed. It is not tried again by itself.';
      await this.finish(entry, 'NO', words);
      return;
    }
    await this.untilOver(bundle);
    await this.conclude(entry, bundle, 'SPECTA ended before its trial began');
  }

  /** @param otherwise why it does not serve where no trial of it is known */
  private async conclude(entry: InboxEntry, id: InboxBundle, otherwise: string): Promise<void> {
    const { serving, facts } = this.parts.models;
    if (serving.bundle.digest === id.digest) {
      await this.finish(entry, 'YES', `${nameOf(id)} is in use.`);
      return;
    }
    const told = facts.lastTrial?.digest === id.digest ? facts.lastTrial.reason : null;
    const reason = told ?? otherwise;
    const goesOn = `${nameOf(serving.bundle.manifest)} goes on as before.`;
    await this.finish(entry, 'NO', `${nameOf(id)} is not used: ${reason}. ${goesOn}`);
  }

  /** Writes down that a file is taken; null for one that is not: it cannot be read, or its content was taken before. */
  private async entered(path: string): Promise<InboxEntry | null> {
    const { fs, clock, log } = this.parts;
    try {
      const key = await this.keyOf(path);
      const before = await this.ledger.find(key);
      if (before === null) {
        const at = new Date(clock.now().utcMs).toISOString();
        const entry: InboxEntry = { key, path, at, bundle: null, answer: null };
        await this.ledger.put(entry);
        return entry;
      }
      if ((await fs.lstat(resultOf(path))) === null)
        await this.tell(
          path,
          'NO',
          `${wordsOf(before)} It is not taken again by itself: specta model flash.`,
        );
    } catch (error) {
      // One that cannot be read must not keep the others out; one that has gone again needs no answer.
      if (this.stopping.signal.aborted || (await fs.lstat(path)) === null) return null;
      const { code, message, help } = asSpectaError(error);
      log.error({ code, path }, `a file in the inbox cannot be taken: ${message}`);
      await this.tell(path, 'NO', `${message} ${help} [${code}] Nothing was changed.`);
    }
    return null;
  }

  /** Of the whole content: a copy that was damaged on its way is another file than the mended one. */
  private async keyOf(path: string): Promise<string> {
    const file = await this.parts.fs.openFile(path);
    try {
      const hash = createHash('sha256');
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, file.bytes + 1));
      // One of more bytes is refused by its size, whatever it holds.
      let left = file.bytes > 2 * BUNDLE_LIMITS.bytes ? CHUNK_BYTES : file.bytes;
      while (left > 0) {
        this.stopping.signal.throwIfAborted();
        const got = await file.read(chunk);
        if (got === 0) break;
        hash.update(chunk.subarray(0, got));
        left -= got;
      }
      return `${hash.digest('hex')}-${file.bytes}`;
    } finally {
      await file.close();
    }
  }

  private untilOver({ digest }: InboxBundle): Promise<void> {
    const { models } = this.parts;
    const { signal } = this.stopping;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        off();
        signal.removeEventListener('abort', onAbort);
      };
      const look = (): void => {
        if (models.facts.trial?.digest === digest) return;
        settle();
        resolve();
      };
      const onAbort = (): void => {
        settle();
        reject(signal.reason);
      };
      const off = models.changes.on(look);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else look();
    });
  }

  private async finish(entry: InboxEntry, answer: 'YES' | 'NO', words: string): Promise<void> {
    this.parts.log.warn({ path: entry.path, answer }, words);
    await this.ledger.put({ ...entry, answer });
    await this.tell(entry.path, answer, words);
  }

  /** A stick that takes no file, or is gone, changes nothing: log and `model` topic tell the same. */
  private async tell(path: string, answer: string, words: string): Promise<void> {
    const { fs, clock, log } = this.parts;
    const text = `${answer}\n${words}\n${new Date(clock.now().utcMs).toISOString()}\n`;
    try {
      await writeDurably(fs, resultOf(path), new TextEncoder().encode(text));
    } catch (error) {
      const why = error instanceof SpectaError ? error.message : String(error);
      log.warn({ path }, `the answer could not be written beside the file: ${why}`);
    }
  }
}
