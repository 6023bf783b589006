/** It is your turn: a sound says so, and a telephone's vibration. One click turns both off. */

import { keep, kept } from "./kept.js";

const OFF = "tavola.quiet";
const TONES = [660, 880];
const TONE_S = 0.12;
const SHAKE_MS = [80, 60, 80];

export class TurnCall {
  /** @type {AudioContext | undefined} */
  #audio;
  /** @type {number | undefined} */
  #called;

  get quiet() {
    return kept(OFF) === "yes";
  }

  toggle() {
    keep(OFF, this.quiet ? "no" : "yes");
  }

  /**
   * Once a turn.
   * @param {number} turn
   */
  call(turn) {
    if (turn === this.#called) return;
    this.#called = turn;
    if (this.quiet) return;
    if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.(SHAKE_MS);
    this.#ring();
  }

  #ring() {
    // A browser lets a page sound only after somebody has touched it.
    if (!globalThis.AudioContext || navigator.userActivation?.hasBeenActive === false) return;
    const audio = (this.#audio ??= new AudioContext());
    TONES.forEach((tone, index) => {
      const at = audio.currentTime + index * TONE_S;
      const sound = new OscillatorNode(audio, { frequency: tone });
      const volume = new GainNode(audio, { gain: 0 });
      volume.gain.setValueAtTime(0.08, at);
      volume.gain.exponentialRampToValueAtTime(0.001, at + TONE_S);
      sound.connect(volume).connect(audio.destination);
      sound.start(at);
      sound.stop(at + TONE_S);
    });
  }
}
