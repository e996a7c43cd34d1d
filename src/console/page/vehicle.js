import { element, replace } from './dom.js';
import { clockTime, span, word } from './words.js';

const MARKS = { watching: '◉', blind: '◌', 'cannot-see': '✕', 'not-inspecting': '–', unknown: '?' };

function whyOf(sight) {
  switch (sight.kind) {
    case 'unknown':
      return word(sight.why);
    case 'cannot-see':
      return sight.parts
        .map(({ part, reason }) => `${word(part)}${reason === null ? '' : `: ${reason}`}`)
        .join('; ');
    case 'blind':
      return sight.reason === null ? '' : word(sight.reason);
    default:
      return word(`${sight.kind}_more`);
  }
}

function fact(name, value, tone = '') {
  return element('div', { class: tone }, element('dt', {}, name), element('dd', {}, value));
}

/** What works in one line; everything else by itself, with its reason. */
function partFacts(parts) {
  const toned = { recovering: 'worry', failed: 'alarm', absent: 'worry' };
  const names = ['camera', 'engine', 'record', 'link', 'position'];
  const others = names.map((name) => {
    const part = parts.find((each) => each.part === name);
    if (part === undefined) return fact(word(name), word('not_told'), 'dim');
    if (part.condition === 'ok') return null;
    const why = part.reason === null ? '' : `: ${part.reason}`;
    // Many vehicles have no source of position, and never will.
    const tone = name === 'position' && part.condition === 'absent' ? 'dim' : toned[part.condition];
    return fact(word(name), `${word(part.condition)}${why}`, tone);
  });
  const works = names.filter((name) =>
    parts.some(({ part, condition }) => part === name && condition === 'ok'),
  );
  const list = works.map((name) => word(name).toLowerCase()).join(', ');
  return [works.length === 0 ? null : fact(word('works'), list), ...others];
}

function runFact(run, now) {
  if (run === null) return fact(word('run'), word('run_none'), 'worry');
  if (run.endedAt !== null) return fact(word('run'), word('run_ended', run.id, run.end ?? ''), 'worry');
  const seconds = (now - Date.parse(run.startedAt)) / 1000;
  return fact(word('run'), word('run_since', run.id, span(seconds)));
}

function lightFact(light) {
  if (light === null) return fact(word('light'), word('not_told'), 'dim');
  const steady = ['crack', 'latched', 'holding', 'corrosion'].includes(light.shows);
  return fact(
    word('light'),
    word(`shows_${light.shows}`) + (steady ? ` (${clockTime(light.since)})` : ''),
    steady ? 'alarm' : light.shows === 'cannot-see' ? 'worry' : '',
  );
}

function compareFact(catchUp) {
  const words = {
    done: () => word('compare_done', catchUp.missing),
    asking: () => word('compare_asking'),
    waiting: () => word('compare_waiting'),
    failed: () => word('compare_failed', catchUp.reason),
  };
  return fact(word('compared'), words[catchUp.kind](), catchUp.kind === 'failed' ? 'worry' : '');
}

function healthFacts({ health, clockQuality }) {
  const clock =
    clockQuality === null
      ? []
      : [fact(word('clock'), word(clockQuality), clockQuality === 'synchronised' ? '' : 'worry')];
  if (health === null) return clock;
  const { fps, temperatureCelsius, outbox } = health;
  const { alert, image } = outbox.waiting;
  return [
    fact(word('speed'), word('fps', fps.toFixed(1))),
    fact(word('waiting'), word('waiting_counts', alert, image), alert > 0 ? 'worry' : ''),
    temperatureCelsius === null ? null : fact(word('temperature'), `${temperatureCelsius.toFixed(0)} °C`),
    ...clock,
  ];
}

function modelFact(model) {
  if (model === null) return fact(word('model'), word('not_told'), 'dim');
  if (model.model === null) return fact(word('model'), word('model_none'), 'alarm');
  const { name, version, provider } = model.model;
  return fact(word('model'), `${name} ${version} (${provider})`);
}

/** How long it is since the vehicle said anything, always on the page. */
export function heardText(vehicle, now) {
  return vehicle.heardUtcMs === null ? word('heard_never') : span((now - vehicle.heardUtcMs) / 1000);
}

/**
 * One vehicle, big and honest. `actions` are buttons that outlive the drawing; null vehicle: none chosen.
 */
export function drawVehicle(node, { vehicle, now, actions }) {
  if (vehicle === null) {
    replace(node);
    return;
  }
  const { sight, parts, light, run, model, state } = vehicle;
  replace(
    node,
    element(
      'div',
      { class: `sight ${sight.kind}` },
      element('span', { class: 'mark', 'aria-hidden': 'true' }, MARKS[sight.kind]),
      element(
        'div',
        {},
        element('h2', { class: 'what' }, `${vehicle.vehicle}: ${word(sight.kind)}`),
        element('p', {}, whyOf(sight)),
      ),
      element(
        'p',
        { class: 'heard' },
        word('last_heard'),
        element('b', { id: 'heard' }, heardText(vehicle, now)),
      ),
    ),
    // What the broker remembers of a vehicle that is not heard is no news of it.
    sight.kind === 'unknown' ? element('p', { class: 'stale-note' }, word('last_told')) : null,
    element(
      'dl',
      { class: sight.kind === 'unknown' ? 'facts stale' : 'facts' },
      fact(word('state'), state === null ? word('not_told') : word(`state_${state}`)),
      lightFact(light),
      runFact(run, now),
      modelFact(model),
      partFacts(parts),
      healthFacts(vehicle),
      compareFact(vehicle.catchUp),
    ),
    actions,
  );
}
