// The players, of one system: opens the tables, plays, and says on standard output what came of it, a JSON a line.
// It ends with its standard input. Its argument is JSON: {system, url, tables, sockets, warm_up_s, seconds, move}.

import { setTimeout as sleep } from 'node:timers/promises'
import { Figures } from './figures.js'

const AT_ONCE = 16
const DRAIN_S = 0.3

process.stdin.resume().on('end', () => process.exit(3))
const asked = JSON.parse(process.argv[2])
const { open } = await import(`./${asked.system}.js`)
const say = (event, more = {}) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n')
const lost = (reason) => {
  process.stderr.write(`a player's connection is of no use any more: ${reason}\n`)
  process.exit(4)
}
const fail = (error) => {
  process.stderr.write(`${error?.stack ?? error}\n`)
  process.exit(4)
}
process.on('unhandledRejection', fail)

const figures = new Figures()
const tables = []
let next = 0
await Promise.all(Array.from({ length: Math.min(AT_ONCE, asked.tables) }, async () => {
  while (next < asked.tables) tables.push(await open(next++, { ...asked, figures, lost }))
}))
say('open')
for (const table of tables) table.play()
await sleep(asked.warm_up_s * 1000)

say('begin')
const before = process.cpuUsage()
const began = performance.now()
figures.measuring = true
await sleep(asked.seconds * 1000)
figures.measuring = false
const seconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(before)
say('end', { seconds, client_cpu_s: (user + system) / 1e6, ...figures.summary() })

for (const table of tables) table.stop()
await sleep(DRAIN_S * 1000)
await Promise.race([Promise.all(tables.map((table) => table.close())), sleep(5000)])
say('closed')
process.exit(0)
