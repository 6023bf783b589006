// Tavola: plain frames on plain WebSockets. Two of six sit down, the others watch.

import { randomUUID } from 'node:crypto'
import { connect } from './socket.js'
import { Table } from './table.js'

export async function open(number, { url, sockets, figures, lost }) {
  const users = await Promise.all(Array.from({ length: sockets }, (_, index) => signIn(url, `Bot ${number}.${index}`)))
  const room = await rest(url, 'rooms', users[0], {
    game: 'tictactoe', name: `Load ${number}`, options: { rematch_seconds: 0, turn_seconds: 3600 }, visibility: 'private', approval: 'auto'
  })
  await Promise.all(users.slice(1).map((user) => rest(url, `rooms/${room.code}/join`, user, { display_name: user.display_name })))
  const table = new Table(number, sockets, (seat, cell, action) => players[seat].act(cell, action), figures)
  const players = await Promise.all(users.map((user, index) => Player.join(url, user, room.id, index, table, lost)))
  for (const player of players) await player.takePart()
  table.close = () => Promise.all(players.map((player) => player.leave()))
  return table
}

class Player {
  static async join(url, user, room, index, table, lost) {
    const player = new Player(room, index, table, lost)
    player.socket = await connect(url.replace('http', 'ws') + '/ws', 'tavola.v1', (frame) => player.got(frame))
    const hydrated = player.next('hydrated')
    player.send({ type: 'authenticate', token: user.token })
    player.send({ type: 'join_room', room })
    await hydrated
    player.beats = setInterval(() => player.send({ type: 'heartbeat' }), 30_000)
    return player
  }

  constructor(room, index, table, lost) {
    Object.assign(this, { room, index, table, lost, seat: index < 2 ? index : undefined, turn: 0 })
    this.acting = new Map() // command id → action, until its ack
    this.waiting = new Map() // command id, or type of frame → who waits for it
  }

  takePart() {
    return this.command(this.seat === undefined ? { type: 'spectate' } : { type: 'take_seat', seat_index: this.seat })
  }

  act(cell, action) {
    const id = newId()
    this.acting.set(id, action)
    this.send({ type: 'act', id, room: this.room, move: 'mark', cell, turn: this.turn })
  }

  async leave() {
    clearInterval(this.beats)
    await this.command({ type: 'leave' })
    this.lost = () => {}
    this.socket.close()
  }

  got(frame) {
    if (frame.type === 'update') this.updated(frame)
    else if (frame.type === 'updates') frame.updates.forEach((each) => this.updated(each))
    else if (frame.type === 'ack') this.acked(frame)
    else if (frame.type === 'closed') this.lost(`closed with ${frame.code}`)
    else if (frame.type === 'error') this.lost(`${frame.code}: ${frame.message}`)
    else this.waiting.get(frame.type)?.(frame)
  }

  acked({ id, seq }) {
    const action = this.acting.get(id)
    if (action === undefined) return this.waiting.get(id)()
    this.acting.delete(id)
    this.table.acked(action, seq)
  }

  updated({ seq, patch }) {
    if (patch?.turn?.number !== undefined) this.turn = patch.turn.number
    this.table.seen(seq, this.seat, patch?.me?.legal?.[0]?.cell.choices)
  }

  async command(fields) {
    const id = newId()
    const answer = this.next(id)
    this.send({ ...fields, id, room: this.room })
    await answer
    this.waiting.delete(id)
  }

  next(what) {
    return new Promise((resolve) => this.waiting.set(what, resolve))
  }

  send(frame) {
    this.socket.send(JSON.stringify(frame))
  }
}

const newId = () => randomUUID().replaceAll('-', '')
const signIn = (url, display_name) => rest(url, 'session', null, { display_name })

async function rest(url, path, user, body) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() }
  if (user) headers.authorization = `Bearer ${user.token}`
  const reply = await fetch(`${url}/api/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!reply.ok) throw new Error(`POST /api/${path}: ${reply.status} ${await reply.text()}`)
  return reply.json()
}
