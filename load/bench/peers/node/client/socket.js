// A WebSocket whose frames are JSON: `on(frame)` gets each.

import WebSocket from 'ws'

export function connect(url, protocols, on) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false })
  socket.on('message', (data) => on(JSON.parse(data)))
  socket.on('close', (code) => on({ type: 'closed', code }))
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
  })
}
