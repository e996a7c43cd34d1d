import { element, replace } from './dom.js';
import { span, word } from './words.js';

const SIGHTS = ['cannot-see', 'blind', 'unknown', 'not-inspecting', 'watching'];

/** How much a vehicle wants a person's eye; more is worse. */
function worry(vehicle) {
  const cracks = vehicle.counts.unacknowledgedCracks > 0 ? 100 : 0;
  const isStopped = vehicle.sight.kind === 'unknown' && vehicle.sight.why === 'stopped';
  const sight = isStopped ? 0 : SIGHTS.length - SIGHTS.indexOf(vehicle.sight.kind);
  return cracks + sight;
}

/** Worst first; equals by name, so that nothing jumps. */
export function worstFirst(vehicles) {
  return [...vehicles].sort((a, b) => worry(b) - worry(a) || a.vehicle.localeCompare(b.vehicle));
}

function toneOf({ sight, counts }) {
  if (counts.unacknowledgedCracks > 0 || sight.kind === 'cannot-see') return 'alarm';
  return sight.kind === 'watching' ? '' : 'worry';
}

/** The list of vehicles, worst first; `chosen` null: all. */
export function drawFleet(node, { vehicles, chosen, now, choose }) {
  const rows = worstFirst(vehicles).map((vehicle) => {
    const { heardUtcMs, sight, counts } = vehicle;
    const heard =
      heardUtcMs === null ? word('heard_never') : word('heard_ago', span((now - heardUtcMs) / 1000));
    const cracks = counts.unacknowledgedCracks;
    return element(
      'li',
      {},
      element(
        'button',
        {
          type: 'button',
          class: toneOf(vehicle),
          'aria-current': vehicle.vehicle === chosen ? 'true' : 'false',
          'data-focus': `vehicle-${vehicle.vehicle}`,
          onclick: () => choose(vehicle.vehicle),
        },
        element(
          'span',
          { class: 'name' },
          vehicle.vehicle,
          cracks > 0 ? element('span', { class: 'badge' }, word('cracks_count', cracks)) : null,
        ),
        element('small', {}, word(sight.kind)),
        element('small', { 'data-heard': heardUtcMs }, heard),
      ),
    );
  });
  const all = element(
    'li',
    {},
    element(
      'button',
      {
        type: 'button',
        'aria-current': chosen === null ? 'true' : 'false',
        'data-focus': 'vehicle-all',
        onclick: () => choose(null),
      },
      word('fleet_all'),
    ),
  );
  replace(
    node,
    element('h2', {}, word('fleet')),
    vehicles.length === 0
      ? element('p', { class: 'dim' }, word('no_vehicles'))
      : element('ul', {}, vehicles.length > 1 ? all : null, rows),
  );
}
