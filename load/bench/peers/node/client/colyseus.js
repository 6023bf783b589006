// Colyseus, by its own client. The one who opens the table sits down first.

import { Client } from '@colyseus/sdk'
import { Table, free } from './table.js'

export async function open(number, { url, sockets, figures, lost }) {
  const client = new Client(url.replace('http', 'ws'))
  const table = new Table(number, sockets, (seat, cell, id) => {
    rooms[seat].send('act', { id: String(id), move: 'mark', cell, turn: turns[seat] })
  }, figures)
  const rooms = [], turns = []
  let closing = false
  for (let index = 0; index < sockets; index++) {
    const room = index ? await client.joinById(rooms[0].roomId, { index }) : await client.create('table', { index })
    rooms.push(room)
    const see = ({ turn, game }) => {
      turns[index] = turn.number
      return turn.seat_index === index ? free(game.board) : undefined
    }
    room.onMessage('view', (view) => {
      const cells = see(view)
      if (cells) table.turn(index, cells)
    })
    room.onMessage('update', (update) => table.seen(update.seq, index, see(update)))
    room.onMessage('ack', ({ id, seq }) => table.acked(Number(id), seq))
    room.onMessage('refused', ({ code }) => lost(code))
    room.onLeave((code) => closing || lost(`closed with ${code}`))
  }
  table.close = () => {
    closing = true
    return Promise.all(rooms.map((room) => room.leave()))
  }
  return table
}
