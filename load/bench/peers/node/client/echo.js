// The floor: to each action an ack and, to all six, an update that says nothing. The turns are counted here.

import { readFileSync } from 'node:fs'
import { connect } from './socket.js'
import { Table } from './table.js'

const CELLS = [0, 1, 2, 3, 4, 5, 6, 7, 8]

export async function open(number, { url, sockets, figures, lost, move }) {
  const action = JSON.stringify(JSON.parse(readFileSync(move)).act)
  const acting = Array.from({ length: sockets }, () => []) // actions by seat, until their acks
  const table = new Table(number, sockets, (seat, cell, number) => {
    acting[seat].push(number)
    all[seat].send(action)
  }, figures)
  const acked = (action) => table.acked(action, action) // the n-th action is the n-th update
  const all = await Promise.all(Array.from({ length: sockets }, (_, index) => {
    let seq = 0
    return connect(`${url.replace('http', 'ws')}/${number}`, [], ({ type, code }) => {
      if (type === 'ack') acked(acting[index].shift())
      else if (type === 'closed') lost(`closed with ${code}`)
      else if (++seq % 2 === index) table.seen(seq, index, CELLS)
      else table.seen(seq, index)
    })
  }))
  table.turn(0, CELLS)
  table.close = () => all.forEach((socket) => socket.removeAllListeners('close').close())
  return table
}
