import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { SpectaError, systemCode } from '../platform/errors.ts';

/** The board files that travel with SPECTA. */
export function shippedBoards(): string {
  return fileURLToPath(new URL('../../device/boards', import.meta.url));
}

const text = z.object({ text: z.string() });

/** What the doctor uses of a board file; `test/device/boards.test.ts` holds the whole shape. */
const boardSchema = z.object({
  board: z.string(),
  ran: z.string(),
  compatible: z.object({ values: z.array(z.string()) }),
  light: z.object({
    line: z.object({
      kind: z.enum(['simulated', 'chardev', 'sysfs']),
      chip: z.string(),
      line: z.union([z.number(), z.string()]),
      activeLow: z.boolean(),
    }),
    header: z.object({ pin: z.number(), ground: z.number() }).optional(),
    externalPull: text,
  }),
  jetpacks: z.record(
    z.string(),
    z.union([
      z.object({ unsupported: text }),
      z.object({ kernel: z.string(), pinmux: text, levelAfterExit: text }),
    ]),
  ),
});

export type Board = z.infer<typeof boardSchema>;

const unsupportedSchema = z.object({
  boards: z.array(z.object({ board: z.string(), values: z.array(z.string()), why: z.string() })),
});

/** What this board is, as far as its device tree tells. */
export type BoardSight =
  | { readonly kind: 'known'; readonly name: string; readonly board: Board }
  | { readonly kind: 'refused'; readonly board: string; readonly why: string }
  /** A device tree that no file knows; `model` as it names itself. */
  | { readonly kind: 'unknown'; readonly model: string }
  /** No device tree: a PC, or a virtual machine. */
  | { readonly kind: 'none' };

/** A file's text without the zeros of a device tree; null where it is not there or may not be read. */
export function textAt(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').replace(/\0+$/, '');
  } catch (error) {
    if (systemCode(error) !== undefined) return null;
    throw error;
  }
}

/**
 * Recognises the board by `/proc/device-tree/compatible`.
 *
 * @param root where the machine's file system begins
 * @param folder of the board files
 */
export function seeBoard(root = '/', folder = shippedBoards()): BoardSight {
  const compatible = textAt(join(root, 'proc/device-tree/compatible'))?.split('\0') ?? [];
  if (compatible.length === 0) return { kind: 'none' };
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()) {
    const content: unknown = parse(readFileSync(join(folder, file), 'utf8'));
    if (file === 'unsupported.yaml') {
      const { boards } = checked(unsupportedSchema, content, file);
      const refused = boards.find(({ values }) => values.some((value) => compatible.includes(value)));
      if (refused !== undefined) return { kind: 'refused', board: refused.board, why: refused.why };
      continue;
    }
    const board = checked(boardSchema, content, file);
    if (board.compatible.values.some((value) => compatible.includes(value)))
      return { kind: 'known', name: file.replace(/\.yaml$/, ''), board };
  }
  return {
    kind: 'unknown',
    model: textAt(join(root, 'proc/device-tree/model')) ?? compatible[0] ?? 'unnamed',
  };
}

function checked<T>(schema: z.ZodType<T>, content: unknown, file: string): T {
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  throw new SpectaError(
    'DATA_INVALID',
    `device/boards/${file} is not as it should be: ${z.prettifyError(result.error)}`,
    'Install SPECTA anew.',
  );
}

/** JetPack's system on a Jetson. */
export interface JetPack {
  /** `5`, `6`. */
  readonly major: string;
  /** As in `R36.3.0`. */
  readonly release: string;
}

/** NVIDIA's Linux for Tegra by `/etc/nv_tegra_release`; JetPack's number follows from its major one. null: not there. */
export function seeJetPack(root = '/'): JetPack | null {
  const found = /^# R(\d+) \(release\), REVISION: ([\d.]+)/.exec(
    textAt(join(root, 'etc/nv_tegra_release')) ?? '',
  );
  if (found === null) return null;
  const [, linux = '', revision = ''] = found;
  // R32 is JetPack 4, R34 and R35 are 5, R36 is 6, R38 is 7 (NVIDIA's JetPack archive).
  const majors: Readonly<Record<string, string>> = { 32: '4', 34: '5', 35: '5', 36: '6', 38: '7' };
  return { major: majors[linux] ?? `unknown (R${linux})`, release: `R${linux}.${revision}` };
}

/** The power mode of a Jetson, as nvpmodel wrote it down: `MAXN (mode 0)`. null where there is none. */
export function seePowerMode(root = '/'): string | null {
  const mode = /pmode:0*(\d+)/.exec(textAt(join(root, 'var/lib/nvpmodel/status')) ?? '')?.[1];
  if (mode === undefined) return null;
  const models = textAt(join(root, 'etc/nvpmodel.conf')) ?? '';
  const name = new RegExp(`^<\\s*POWER_MODEL\\s+ID=${mode}\\s+NAME=(\\S+?)\\s*>`, 'm').exec(models)?.[1];
  return name === undefined ? `mode ${mode}` : `${name} (mode ${mode})`;
}
