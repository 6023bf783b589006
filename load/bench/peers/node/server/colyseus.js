// A Colyseus server. An update is a broadcast message, encoded once; nothing is left to the patch loop.

import { createServer } from 'node:http'
import { Room, Server } from '@colyseus/core'
import { WebSocketTransport } from '@colyseus/ws-transport'
import { Store } from './store.js'
import { Table } from './table.js'

const store = await Store.connect(process.env)

class TableRoom extends Room {
  async onCreate() {
    this.patchRate = null
    this.maxMessagesPerSecond = Infinity
    this.table = new Table(this.roomId, store)
    this.onMessage('act', (client, action) => this.act(client, action))
    await this.table.open()
  }

  onJoin(client, { index }) {
    client.userData = { seat: index }
    client.send('view', this.table.view())
  }

  act(client, action) {
    return this.table.act(client.userData.seat, client.sessionId, action, (update) => {
      if (typeof update === 'string') return client.send('refused', { id: action.id, code: update })
      this.broadcast('update', update)
      client.send('ack', { id: action.id, seq: update.seq })
    })
  }
}

const transport = new WebSocketTransport({ server: createServer(), pingInterval: 30_000 })
const server = new Server({ transport, greet: false, gracefullyShutdown: false })
server.define('table', TableRoom)
await server.listen(Number(process.env.PORT), '127.0.0.1')
