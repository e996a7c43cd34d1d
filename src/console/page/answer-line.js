import { askVehicle } from './ask.js';
import { word } from './words.js';

/** Shows words in a line, as bad news or not. */
export function tell(line, text, isBad) {
  line.textContent = text;
  line.classList.toggle('bad', isBad);
}

/** Asks a vehicle and shows in the line what became of it. */
export async function askAndTell(line, label, vehicle, name, fields) {
  tell(line, `${word(label)}…`, false);
  try {
    await askVehicle(vehicle, name, fields);
    tell(line, `${word(label)}: ${word('done')}`, false);
  } catch (error) {
    tell(line, `${word(label)}: ${error.message} ${error.help ?? ''}`, true);
  }
}
