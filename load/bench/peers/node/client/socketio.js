// Socket.IO, by its own client; python-socketio speaks the same.

import { io } from 'socket.io-client'
import { Table, free } from './table.js'

export async function open(number, { url, sockets, figures, lost }) {
  const room = `table-${number}`
  const turns = []
  const table = new Table(number, sockets, (seat, cell, id) => {
    const action = { id: String(id), room, move: 'mark', cell, turn: turns[seat] }
    all[seat].emit('act', action, (answer) => (answer.code ? lost(answer.code) : table.acked(id, answer.seq)))
  }, figures)
  const all = await Promise.all(Array.from({ length: sockets }, async (_, index) => {
    const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false })
    const see = ({ turn, game }) => {
      turns[index] = turn.number
      return turn.seat_index === index ? free(game.board) : undefined
    }
    socket.on('update', (update) => table.seen(update.seq, index, see(update)))
    socket.on('disconnect', (reason) => reason === 'io client disconnect' || lost(reason))
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject))
    const cells = see(await socket.emitWithAck('join', { room, index }))
    if (cells) table.turn(index, cells)
    return socket
  }))
  table.close = () => all.forEach((socket) => socket.disconnect())
  return table
}
