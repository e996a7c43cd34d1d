import { SpectaError } from '../../platform/errors.ts';
import { nearestName } from '../../platform/nearest-name.ts';
import { REQUESTS, V4L2 } from './layouts.ts';
import { Structure } from './structure.ts';
import type { VideoNode } from './video-node.ts';

/** The value of a control, as the configuration gives it: a number, on or off, or the name of a menu's entry. */
export type ControlValue = number | boolean | string;

/** One thing that can be set on a camera. */
export interface Control {
  readonly id: number;
  /** As `v4l2-ctl` writes it: small letters, digits and `_`. */
  readonly name: string;
  readonly kind: 'number' | 'switch' | 'menu' | 'button' | 'other';
  readonly least: number;
  readonly most: number;
  readonly readOnly: boolean;
  /** Entries of a menu: number and name. */
  readonly entries: ReadonlyMap<number, string>;
}

const LONGEST_LIST = 1024;

/** `Exposure Time, Absolute` becomes `exposure_time_absolute`. */
export function controlName(words: string): string {
  return words
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
}

/** The controls of a camera. Throws `SystemCallError`. */
export function listControls(node: VideoNode): readonly Control[] {
  const controls: Control[] = [];
  const entry = new Structure('v4l2_queryctrl');
  let id = 0;
  for (let count = 0; count < LONGEST_LIST; count++) {
    entry.clear().set({ id: (id | V4L2.V4L2_CTRL_FLAG_NEXT_CTRL) >>> 0 });
    if (node.askOrNull(REQUESTS.queryControl, entry, ['EINVAL', 'ENOTTY']) === null) break;
    id = entry.get('id');
    const type = entry.get('type');
    const flags = entry.get('flags');
    const disabled = (flags & V4L2.V4L2_CTRL_FLAG_DISABLED) !== 0;
    if (disabled || type === V4L2.V4L2_CTRL_TYPE_CTRL_CLASS) continue;
    const least = entry.get('minimum');
    const most = entry.get('maximum');
    const kind = kindOf(type);
    controls.push({
      id,
      name: controlName(entry.text('name')),
      kind,
      least,
      most,
      readOnly: (flags & V4L2.V4L2_CTRL_FLAG_READ_ONLY) !== 0,
      entries: kind === 'menu' ? menuEntries(node, id, type, least, most) : new Map(),
    });
  }
  return controls;
}

/** One control with the number to be written to it. */
export interface PlannedControl {
  readonly control: Control;
  readonly value: number;
}

/**
 * What to write, in the order of the configuration (an automatism must go off before its value can be set).
 * Throws `CONFIG_INVALID` that names every mistake and lists what the camera has.
 */
export function planControls(
  known: readonly Control[],
  wanted: Readonly<Record<string, ControlValue>>,
): readonly PlannedControl[] {
  const planned: PlannedControl[] = [];
  const mistakes: string[] = [];
  for (const [given, value] of Object.entries(wanted)) {
    const control = known.find(({ name }) => name === controlName(given));
    if (control === undefined) {
      const meant = nearestName(
        given,
        known.map(({ name }) => name),
      );
      mistakes.push(
        meant === null
          ? `it has no control "${given}"`
          : `it has no control "${given}" (did you mean ${meant}?)`,
      );
      continue;
    }
    const number = numberFor(control, value);
    if (typeof number === 'string') mistakes.push(`${control.name} ${number}`);
    else planned.push({ control, value: number });
  }
  if (mistakes.length === 0) return planned;
  throw new SpectaError(
    'CONFIG_INVALID',
    `The camera's controls cannot be set: ${mistakes.join('; ')}.`,
    `This camera has: ${known.length === 0 ? 'no controls' : known.map(controlInWords).join(', ')}.`,
  );
}

/** Writes the controls. Throws `SystemCallError` whose call names the control. */
export function applyControls(node: VideoNode, planned: readonly PlannedControl[]): void {
  for (const { control, value } of planned) {
    const argument = new Structure('v4l2_control').set({ id: control.id, value });
    const { number, argument: kind } = REQUESTS.setControl;
    node.ask({ name: `setting ${control.name} to ${value}`, number, argument: kind }, argument);
  }
}

/** `brightness (0 to 255)`, `power_line_frequency (0 Disabled, 1 50 Hz)`. */
export function controlInWords({ name, kind, least, most, entries, readOnly }: Control): string {
  const range =
    kind === 'menu'
      ? [...entries].map(([number, entry]) => `${number} ${entry}`).join(', ')
      : kind === 'switch'
        ? 'true or false'
        : kind === 'button'
          ? 'a button'
          : kind === 'number'
            ? `${least} to ${most}`
            : 'of a kind that cannot be set here';
  return `${name} (${range}${readOnly ? ', read-only' : ''})`;
}

/** The number to write, or what is wrong with the value. */
function numberFor(control: Control, value: ControlValue): number | string {
  const { kind, least, most, entries, readOnly } = control;
  if (readOnly) return 'is read-only';
  if (kind === 'other') return 'is of a kind that cannot be set here';
  if (kind === 'button') return 0;
  if (typeof value === 'string') {
    if (kind !== 'menu') return `wants a number, not "${value}"`;
    const found = [...entries].find(([, entry]) => controlName(entry) === controlName(value));
    return found === undefined ? `has no entry "${value}" (${[...entries.values()].join(', ')})` : found[0];
  }
  const number = Number(value);
  if (!Number.isInteger(number)) return `wants a whole number, not ${value}`;
  if (kind === 'menu') return entries.has(number) ? number : `has no entry ${number}`;
  return number < least || number > most ? `goes from ${least} to ${most}, not to ${number}` : number;
}

function kindOf(type: number): Control['kind'] {
  switch (type) {
    case V4L2.V4L2_CTRL_TYPE_INTEGER:
      return 'number';
    case V4L2.V4L2_CTRL_TYPE_BOOLEAN:
      return 'switch';
    case V4L2.V4L2_CTRL_TYPE_MENU:
    case V4L2.V4L2_CTRL_TYPE_INTEGER_MENU:
      return 'menu';
    case V4L2.V4L2_CTRL_TYPE_BUTTON:
      return 'button';
    default:
      // Bit masks, 64-bit numbers, texts and arrays: no camera control of use is one.
      return 'other';
  }
}

function menuEntries(
  node: VideoNode,
  id: number,
  type: number,
  least: number,
  most: number,
): Map<number, string> {
  const entries = new Map<number, string>();
  const entry = new Structure('v4l2_querymenu');
  for (let index = least; index <= Math.min(most, least + LONGEST_LIST); index++) {
    entry.clear().set({ id, index });
    // Menus may have holes: EINVAL then means only that this number is none of theirs.
    if (node.askOrNull(REQUESTS.queryMenu, entry, ['EINVAL']) === null) continue;
    const isNumber = type === V4L2.V4L2_CTRL_TYPE_INTEGER_MENU;
    entries.set(index, isNumber ? String(entry.get('value')) : entry.text('name'));
  }
  return entries;
}
