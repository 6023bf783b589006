// One table: its state, and its actions one after the other. With a store nobody is told what is not committed.

import { opened, play } from './game.js'

export class Table {
  constructor(id, store) {
    this.id = id
    this.store = store
    this.seq = 0
    this.state = opened()
    this.last = Promise.resolve() // the action under way
  }

  /** On return the table can be played at. */
  async open() {
    await this.store?.open(this.id, JSON.stringify(this.state))
  }

  view() {
    return { room: this.id, seq: this.seq, ...shown(this.state) }
  }

  /** Calls `done` with the update, or with the code of a refusal. Rejects when the store fails. */
  act(seat, user, action, done) {
    if (!this.store) return done(this.decide(seat, action))
    this.last = this.last.catch(() => {}).then(async () => {
      const decided = this.decide(seat, action)
      if (typeof decided !== 'string') await this.store.commit(this.id, decided, user, action)
      done(decided)
    })
    return this.last
  }

  decide(seat, action) {
    const outcome = play(this.state, seat, action)
    if (typeof outcome === 'string') return outcome
    this.state = outcome.state
    this.seq += 1
    return { room: this.id, seq: this.seq, at: Date.now(), events: outcome.events, ...shown(outcome.state) }
  }
}

const shown = ({ number, board, turn }) => ({ game: { number, board }, turn })
