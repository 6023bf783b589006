// One table of six sockets, whatever they speak: who acts when, and when the last of the six has what was done.

const KEEP = 64 // updates of which no ack came (a server may tell more than was done)

export class Table {
  /** `send(seat, cell, action)` does an action, numbered at this table. */
  constructor(number, sockets, send, figures) {
    this.number = number
    this.sockets = sockets
    this.send = send
    this.figures = figures
    this.playing = false
    this.waiting = null // [seat, cells]: whose turn it is, when nobody wants to act
    this.paced = false
    this.owed = [] // when somebody wanted to act and could not yet
    this.actions = 0
    this.asked = new Map() // action → when it was sent; its ack may come after the next was sent
    this.sent = new Map() // seq → when it was sent
    this.arrived = new Map() // seq → on how many sockets it is
    this.complete = new Map() // seq → when the last socket had it
  }

  /** `paced`: an action for each `wanted`; otherwise at once when it can be. */
  play(paced) {
    this.paced = paced
    this.playing = true
    if (this.waiting && !paced) this.act(...this.waiting)
  }

  /** Somebody at this table acts now, or as soon as the action before is seen: its time counts from now. */
  wanted() {
    if (this.waiting) this.act(...this.waiting)
    else this.owed.push(performance.now())
  }

  stop() {
    this.playing = false
    this.owed = []
  }

  /** A socket has update `seq`. `cells` are those that it may mark, if it is its seat's turn. */
  seen(seq, seat, cells) {
    const count = (this.arrived.get(seq) ?? 0) + 1
    if (count < this.sockets) this.arrived.set(seq, count)
    else this.everyoneHas(seq)
    if (cells) this.turn(seat, cells)
  }

  /** It is `seat`'s turn, and it knows. */
  turn(seat, cells) {
    if (this.owed.length) this.act(seat, cells, this.owed.shift())
    else if (this.playing && !this.paced) this.act(seat, cells)
    else this.waiting = [seat, cells]
  }

  act(seat, cells, since = performance.now()) {
    this.waiting = null
    const action = ++this.actions
    this.asked.set(action, since)
    this.send(seat, cells[Math.floor(Math.random() * cells.length)], action)
  }

  /** An action is update `seq`. */
  acked(action, seq) {
    const sentAt = this.asked.get(action)
    this.asked.delete(action)
    this.figures.acked(performance.now() - sentAt)
    const at = this.complete.get(seq)
    if (at === undefined) {
      this.sent.set(seq, sentAt)
      return
    }
    this.complete.delete(seq)
    this.figures.everyone(at - sentAt)
  }

  everyoneHas(seq) {
    this.arrived.delete(seq)
    const sentAt = this.sent.get(seq)
    if (sentAt !== undefined) {
      this.sent.delete(seq)
      this.figures.everyone(performance.now() - sentAt)
      return
    }
    this.complete.set(seq, performance.now())
    if (this.complete.size > KEEP) this.complete.delete(this.complete.keys().next().value)
  }
}

/** The cells that nobody has marked. */
export function free(board) {
  const cells = []
  for (let cell = 0; cell < board.length; cell++) if (board[cell] === null) cells.push(cell)
  return cells
}
