import { askAndTell } from './answer-line.js';
import { element } from './dom.js';
import { word } from './words.js';

/** A second press within this time does what the first has named, ms. */
const SURE_MS = 4_000;

/** The buttons that ask something of a vehicle, with what came of it. */
export class VehicleActions {
  constructor() {
    this.said = element('p', { class: 'said', role: 'status' });
    this.runButton = element('button', { type: 'button', id: 'run-button' });
    this.testButton = element('button', { type: 'button', id: 'lamp-test' });
    this.lightButton = element('button', { type: 'button', id: 'light-acknowledge' });
    this.node = element(
      'div',
      { class: 'actions' },
      this.runButton,
      this.testButton,
      this.lightButton,
      this.said,
    );
    this.vehicle = null;
    this.sureUntil = 0;
    this.runButton.addEventListener('click', () => this.pressRun());
    this.testButton.addEventListener('click', () => this.ask('lamp_test', 'light/test', { seconds: 3 }));
    this.lightButton.addEventListener('click', () => this.ask('light_acknowledge', 'light/acknowledge'));
  }

  /** Shows the buttons for a vehicle as it is now. */
  update(vehicle) {
    if (vehicle.vehicle !== this.vehicle?.vehicle) {
      this.said.textContent = '';
      this.sureUntil = 0;
    }
    this.vehicle = vehicle;
    const isThere = vehicle.state === 'online' && vehicle.sight.why !== 'no-broker';
    this.testButton.textContent = word('lamp_test');
    this.lightButton.textContent = word('light_acknowledge');
    for (const button of [this.runButton, this.testButton, this.lightButton]) button.disabled = !isThere;
    this.drawRun();
  }

  get isRunning() {
    const run = this.vehicle?.run ?? null;
    return run !== null && run.endedAt === null;
  }

  drawRun() {
    const isSure = performance.now() < this.sureUntil;
    this.runButton.classList.toggle('sure', isSure);
    this.runButton.textContent = isSure
      ? `${word('run_stop')}: ${word('sure')}`
      : word(this.isRunning ? 'run_stop' : 'run_start');
  }

  pressRun() {
    if (!this.isRunning) {
      void this.ask('run_start', 'run/start');
      return;
    }
    // A run that is ended by a slip of the hand leaves a hole in the coverage.
    if (performance.now() >= this.sureUntil) {
      this.sureUntil = performance.now() + SURE_MS;
      this.drawRun();
      setTimeout(() => this.drawRun(), SURE_MS + 50);
      return;
    }
    this.sureUntil = 0;
    void this.ask('run_stop', 'run/stop');
  }

  async ask(label, name, fields = {}) {
    const { vehicle } = this.vehicle;
    await askAndTell(this.said, label, vehicle, name, fields);
  }
}
