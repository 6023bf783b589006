// A Socket.IO server, with the Redis adapter when there is a Redis, as several servers need it.

import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { Store } from './store.js'
import { Table } from './table.js'

const { PORT, REDIS_URL } = process.env
const store = await Store.connect(process.env)
const redis = REDIS_URL ? new Redis(REDIS_URL) : null
const tables = new Map() // id → a promise of the table

const http = createServer()
const io = new Server(http, {
  serveClient: false,
  transports: ['websocket'],
  ...(redis && { adapter: createAdapter(redis, redis.duplicate()) })
})

io.on('connection', (socket) => {
  socket.on('join', async ({ room, index }, answer) => {
    const table = await find(room)
    Object.assign(socket.data, { table, seat: index })
    socket.join(room)
    answer(table.view())
  })
  socket.on('act', (action, answer) => {
    const { table, seat } = socket.data
    return table.act(seat, socket.id, action, (update) => {
      if (typeof update === 'string') return answer({ code: update })
      io.to(table.id).emit('update', update)
      answer({ seq: update.seq })
    })
  })
})

function find(id) {
  if (!tables.has(id)) tables.set(id, open(id))
  return tables.get(id)
}

async function open(id) {
  const table = new Table(id, store)
  await table.open()
  return table
}

http.listen(Number(PORT), '127.0.0.1')
