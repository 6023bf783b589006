// Bare WebSockets, no framework: JSON frames, an update encoded once for all at the table.

import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { Store } from './store.js'
import { Table } from './table.js'

const store = await Store.connect(process.env)
const tables = new Map() // id → a promise of {table, sockets}

const http = createServer()
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false, clientTracking: false })

sockets.on('connection', (socket) => {
  let at, seat
  const send = (frame) => socket.send(JSON.stringify(frame))
  socket.on('message', async (data) => {
    const frame = JSON.parse(data)
    if (frame.type === 'act') {
      return at.table.act(seat, socket.id, frame, (update) => {
        if (typeof update === 'string') return send({ type: 'refused', id: frame.id, code: update })
        const encoded = Buffer.from(JSON.stringify({ type: 'update', ...update }))
        for (const each of at.sockets) each.send(encoded, { binary: false })
        send({ type: 'ack', id: frame.id, seq: update.seq })
      })
    }
    at = await find(frame.room)
    seat = frame.index
    socket.id = `${frame.room}.${seat}`
    at.sockets.add(socket)
    send({ type: 'view', ...at.table.view() })
  })
  socket.on('close', () => at?.sockets.delete(socket))
})

function find(id) {
  if (!tables.has(id)) tables.set(id, open(id))
  return tables.get(id)
}

async function open(id) {
  const table = new Table(id, store)
  await table.open()
  return { table, sockets: new Set() }
}

http.listen(Number(process.env.PORT), '127.0.0.1')
