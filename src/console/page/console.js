import { Coverage } from './coverage.js';
import { element, replace, throttled } from './dom.js';
import { Finding } from './finding.js';
import { FindingList } from './finding-list.js';
import { drawFleet, worstFirst } from './fleet.js';
import { Horn } from './horn.js';
import { Route } from './route.js';
import { Still } from './still.js';
import { drawVehicle, heardText } from './vehicle.js';
import { VehicleActions } from './vehicle-actions.js';
import { changeLanguage, languageCode, span, word } from './words.js';

const at = (id) => document.getElementById(id);

/** What the page knows; everything on it is drawn from here. */
const known = {
  vehicles: new Map(),
  broker: null,
  localModel: null,
  version: '',
  chosen: null,
  /** The newest crack that sounded the horn. */
  alarm: null,
  /** The console's clock ahead of the browser's, ms. */
  ahead: 0,
};

/** A page that was refused asks again after this, ms. */
const AGAIN_MS = 5_000;

const horn = new Horn();
const actions = new VehicleActions();
const finding = new Finding(at('finding'));
const route = new Route(at('route'), (chosen) => {
  list.mark(chosen);
  void finding.show(chosen);
});
const coverage = new Coverage(at('coverage'), (vehicle, since) => void route.show(vehicle, since));
const still = new Still(at('still'));
const list = new FindingList(at('findings'), {
  onChoose: (chosen) => void finding.show(chosen),
  nameOf: (name) => known.vehicles.get(name) ?? null,
});

const now = () => Date.now() + known.ahead;
const vehicles = () => [...known.vehicles.values()];
const chosenVehicle = () => known.vehicles.get(known.chosen) ?? null;

function drawBroker() {
  const { state } = known.broker ?? { state: { kind: 'connecting' } };
  const isGood = state.kind === 'connected' && state.denied.length === 0;
  const text = {
    connected: () =>
      word('broker_connected', state.protocol) +
      (state.denied.length > 0 ? `; ${word('broker_denied', state.denied.join(', '))}` : ''),
    connecting: () => word('broker_connecting'),
    waiting: () => word('broker_waiting', state.reason),
    stopped: () => word('broker_waiting', ''),
  };
  const sum = Object.values(known.broker?.unreadable ?? {}).reduce((all, count) => all + count, 0);
  const left = [
    sum > 0 ? word('left_unreadable', sum) : null,
    known.broker?.imagesDropped > 0 ? word('left_images', known.broker.imagesDropped) : null,
    known.broker?.takenAgain > 0 ? word('left_again', known.broker.takenAgain) : null,
  ];
  const told = [text[state.kind](), ...left.filter((each) => each !== null)].join(' · ');
  // It is told every two seconds; somebody who listens wants to hear only what is new.
  if (at('broker').textContent !== told) at('broker').textContent = told;
  at('broker').classList.toggle('bad', !isGood);
}

function drawTitle() {
  const cracks = vehicles().filter(({ counts }) => counts.unacknowledgedCracks > 0);
  const total = cracks.reduce((sum, { counts }) => sum + counts.unacknowledgedCracks, 0);
  const names = cracks.map(({ vehicle }) => vehicle);
  document.title = total === 0 ? 'SPECTA' : `(${total}) ${word('new_crack', names.join(', '))} · SPECTA`;
}

function drawVehicles() {
  drawFleet(at('fleet'), { vehicles: vehicles(), chosen: known.chosen, now: now(), choose });
  const vehicle = chosenVehicle();
  if (vehicle !== null) actions.update(vehicle);
  drawVehicle(at('vehicle'), { vehicle, now: now(), actions: actions.node });
  list.drawHead();
  still.update({ localModel: known.localModel, vehicles: vehicles(), chosen: known.chosen });
  drawTitle();
}
const drawSoon = throttled(120, drawVehicles);

function drawTools() {
  const sound = horn.state;
  at('sound').textContent = word(`sound_${sound}`);
  at('sound').setAttribute('aria-pressed', String(sound !== 'off'));
  at('language').textContent = languageCode() === 'en' ? 'Bahasa Indonesia' : 'English';
  at('language').lang = languageCode() === 'en' ? 'id' : 'en';
  at('version').textContent = word('version', known.version);
}

function drawEverything() {
  document.documentElement.lang = languageCode();
  for (const node of document.querySelectorAll('[data-word]')) node.textContent = word(node.dataset.word);
  drawTools();
  drawBroker();
  drawNews();
  drawVehicles();
  coverage.draw();
  route.draw();
  list.draw();
  finding.draw();
  still.draw();
}

function choose(vehicle) {
  if (vehicle === known.chosen) return;
  known.chosen = vehicle;
  if (finding.chosen !== null && vehicle !== null && finding.chosen.vehicle !== vehicle) {
    list.mark(null);
    void finding.show(null);
  }
  drawVehicles();
  void list.show(vehicle);
  void coverage.show(vehicle);
}

/** The first vehicle that is heard of is shown by itself; of several the worst. */
function chooseFirst() {
  if (known.chosen !== null || known.vehicles.size === 0) return;
  choose(worstFirst(vehicles())[0].vehicle);
}

const coverageSoon = throttled(1_500, () => void coverage.show(known.chosen));

function listen() {
  const stream = new EventSource('/events');
  const hear = (name, react) =>
    stream.addEventListener(name, ({ data }) => {
      at('lost').hidden = true;
      const message = JSON.parse(data);
      if (message.nowUtcMs !== undefined) known.ahead = message.nowUtcMs - Date.now();
      react(message);
    });
  hear('overview', (message) => {
    known.vehicles = new Map(message.vehicles.map((vehicle) => [vehicle.vehicle, vehicle]));
    known.broker = message.broker;
    known.localModel = message.localModel;
    known.version = message.version;
    chooseFirst();
    drawEverything();
    // Also after the console was gone for a while: everything may be another.
    void list.show(known.chosen);
    void coverage.show(known.chosen);
  });
  hear('link', ({ broker }) => {
    known.broker = broker;
    drawBroker();
  });
  hear('vehicle', ({ vehicle }) => {
    known.vehicles.set(vehicle.vehicle, vehicle);
    // Told after the crack itself: nobody has to look at it any more.
    if (vehicle.vehicle === known.alarm?.vehicle && vehicle.counts.unacknowledgedCracks === 0) {
      known.alarm = null;
      at('news').hidden = true;
    }
    if (known.vehicles.size === 1) chooseFirst();
    if (vehicle.vehicle === known.chosen) coverageSoon();
    drawSoon();
  });
  hear('finding', (message) => {
    if (known.chosen === null || message.vehicle === known.chosen) list.refresh();
    if (message.vehicle === known.chosen) coverageSoon();
    finding.hear(message, false);
    if (message.alarm) alarm(message);
  });
  hear('image', (message) => {
    list.refresh();
    finding.hear(message, true);
  });
  stream.addEventListener('error', () => {
    at('lost').textContent = word('page_lost');
    at('lost').hidden = false;
    // A refusal, such as for too many open pages, ends it for good; anything else the browser tries again by itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, AGAIN_MS);
  });
}

function alarm(message) {
  horn.sound();
  known.alarm = message;
  at('news').hidden = false;
  drawNews();
}

function drawNews() {
  if (known.alarm === null) return;
  const { vehicle, severity, finding: id } = known.alarm;
  const text = `${word('new_crack', vehicle)}: ${word(severity)}, ${id}`;
  const open = () => {
    choose(vehicle);
    const chosen = { vehicle, finding: id };
    list.mark(chosen);
    void finding.show(chosen);
  };
  replace(at('news'), element('button', { type: 'button', onclick: open }, text));
}

function showHelp() {
  const names = ['help_move', 'help_vehicle', 'help_acknowledge', 'help_review', 'help_sound', 'help_help'];
  replace(
    at('help'),
    element('h2', { id: 'help-title' }, word('keys')),
    element(
      'ul',
      {},
      names.map((name) => element('li', {}, word(name))),
    ),
    element('button', { type: 'button', onclick: () => at('help').close() }, word('close')),
  );
  at('help').showModal();
}

function otherLanguage() {
  changeLanguage();
  drawEverything();
}

async function changeSound() {
  await horn.change();
  drawTools();
}

const KEYS = {
  a: () => void finding.acknowledge(),
  c: () => void finding.review('confirmed'),
  r: () => void finding.review('rejected'),
  n: () => at('note')?.focus(),
  s: () => void changeSound(),
  l: otherLanguage,
  '?': showHelp,
  0: () => choose(null),
};

document.addEventListener('keydown', (event) => {
  const isTyping =
    event.target instanceof Element && event.target.closest('input, textarea, select') !== null;
  if (isTyping || event.ctrlKey || event.altKey || event.metaKey || event.repeat || at('help').open) return;
  const number = /^[1-9]$/.test(event.key) ? Number(event.key) : null;
  const press = number === null ? KEYS[event.key.toLowerCase()] : undefined;
  if (number !== null) {
    const wanted = worstFirst(vehicles())[number - 1];
    if (wanted) choose(wanted.vehicle);
  } else if (press === undefined) return;
  else press();
  event.preventDefault();
});
document.addEventListener('pointerdown', () => void horn.allow().then(drawTools));
at('sound').addEventListener('click', () => void changeSound());
at('language').addEventListener('click', otherLanguage);
at('keys').addEventListener('click', showHelp);

setInterval(() => {
  const vehicle = chosenVehicle();
  const heard = at('heard');
  if (vehicle !== null && heard !== null) heard.textContent = heardText(vehicle, now());
  for (const small of document.querySelectorAll('[data-heard]'))
    small.textContent = word('heard_ago', span((now() - Number(small.dataset.heard)) / 1000));
}, 1_000);

setInterval(() => finding.refreshOpen(), 3_000);

drawEverything();
listen();
