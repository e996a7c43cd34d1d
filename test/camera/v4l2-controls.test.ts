import { expect, test } from 'vitest';
import { type Control, controlName, planControls } from '../../src/camera/v4l2/controls.ts';

function control(name: string, changes: Partial<Control>): Control {
  return {
    id: 1,
    name,
    kind: 'number',
    least: 0,
    most: 255,
    readOnly: false,
    entries: new Map(),
    ...changes,
  };
}

const known = [
  control('brightness', { id: 1 }),
  control('white_balance_automatic', { id: 2, kind: 'switch', most: 1 }),
  control('power_line_frequency', {
    id: 3,
    kind: 'menu',
    most: 2,
    entries: new Map([
      [0, 'Disabled'],
      [1, '50 Hz'],
      [2, '60 Hz'],
    ]),
  }),
  control('do_white_balance', { id: 4, kind: 'button' }),
  control('temperature', { id: 5, readOnly: true }),
];

test('names are what v4l2-ctl writes', () => {
  expect(controlName('Exposure Time, Absolute')).toBe('exposure_time_absolute');
  expect(controlName('Inject V4L2_BUF_FLAG_ERROR')).toBe('inject_v4l2_buf_flag_error');
});

test('numbers, switches, entries by name and buttons are planned in the order of the configuration', () => {
  const planned = planControls(known, {
    power_line_frequency: '50 Hz',
    white_balance_automatic: false,
    Brightness: 10,
    do_white_balance: true,
  });
  expect(planned.map(({ control: { id }, value }) => [id, value])).toEqual([
    [3, 1],
    [2, 0],
    [1, 10],
    [4, 0],
  ]);
});

test('every mistake is named at once, with what the camera has', () => {
  const wrong = {
    brightnes: 1,
    brightness: 300,
    power_line_frequency: 7,
    temperature: 1,
    white_balance_automatic: 'yes',
  };
  expect(() => planControls(known, wrong)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message:
        'The camera\'s controls cannot be set: it has no control "brightnes" (did you mean brightness?); brightness goes from 0 to 255, not to 300; power_line_frequency has no entry 7; temperature is read-only; white_balance_automatic wants a number, not "yes".',
      help: expect.stringContaining('power_line_frequency (0 Disabled, 1 50 Hz, 2 60 Hz)'),
    }),
  );
});
