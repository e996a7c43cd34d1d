import { keepSetting, setting } from './dom.js';

/** The sound of a new crack. Browsers allow sound only after somebody has pressed something. */
export class Horn {
  #context = null;
  #on = setting('sound', 'on') === 'on';

  /** `on`, `off`, or `blocked`: wanted, but the browser waits for a press. */
  get state() {
    if (!this.#on) return 'off';
    return this.#context?.state === 'running' ? 'on' : 'blocked';
  }

  /** Somebody has pressed something: from now on sound may be made. */
  async allow() {
    if (!this.#on) return;
    this.#context ??= new AudioContext();
    if (this.#context.state !== 'running') await this.#context.resume();
  }

  async change() {
    const wasBlocked = this.state === 'blocked';
    if (!wasBlocked) this.#on = !this.#on;
    keepSetting('sound', this.#on ? 'on' : 'off');
    await this.allow();
    if (this.#on) this.sound();
  }

  /** Two rising tones, twice. */
  sound() {
    const context = this.#context;
    if (this.state !== 'on' || context === null) return;
    for (const [index, pitch] of [620, 880, 620, 880].entries()) {
      const begin = context.currentTime + index * 0.22;
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.type = 'triangle';
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, begin);
      volume.gain.linearRampToValueAtTime(0.35, begin + 0.02);
      volume.gain.linearRampToValueAtTime(0, begin + 0.2);
      tone.connect(volume).connect(context.destination);
      tone.start(begin);
      tone.stop(begin + 0.21);
    }
  }
}
