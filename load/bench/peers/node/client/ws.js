// Bare WebSockets and JSON.

import { connect } from './socket.js'
import { Table, free } from './table.js'

export async function open(number, { url, sockets, figures, lost }) {
  const room = `table-${number}`
  const turns = []
  const table = new Table(number, sockets, (seat, cell, id) => {
    send(seat, { type: 'act', id: String(id), move: 'mark', cell, turn: turns[seat] })
  }, figures)
  const joined = Array.from({ length: sockets }, resolvers)
  const all = await Promise.all(joined.map((_, index) => connect(url.replace('http', 'ws'), [], (frame) => {
    if (frame.type === 'update') table.seen(frame.seq, index, see(index, frame))
    else if (frame.type === 'ack') table.acked(Number(frame.id), frame.seq)
    else if (frame.type === 'view') joined[index].resolve(see(index, frame))
    else lost(frame.code)
  })))
  all.forEach((_, index) => send(index, { type: 'join', room, index }))
  for (const [index, { promise }] of joined.entries()) {
    const cells = await promise
    if (cells) table.turn(index, cells)
  }
  table.close = () => all.forEach((socket) => socket.removeAllListeners('close').close())
  return table

  function send(index, frame) {
    all[index].send(JSON.stringify(frame))
  }

  function see(index, { turn, game }) {
    turns[index] = turn.number
    return turn.seat_index === index ? free(game.board) : undefined
  }
}

function resolvers() {
  const found = {}
  found.promise = new Promise((resolve) => { found.resolve = resolve })
  return found
}
