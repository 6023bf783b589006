// The players, of one system: opens the tables, and plays whenever it is asked to, on standard input, a JSON a line:
// {warm_up_s, seconds}. It says on standard output what came of it, a JSON a line, and leaves when its input ends.
// Its argument is JSON: {system, url, tables, sockets, pace, move}. `pace` is how often a second somebody wants to act
// at each table, at moments of their own (Poisson); 0: as fast as they can.

import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { arrivals } from './arrivals.js'
import { Figures } from './figures.js'

const AT_ONCE = 16
const DRAIN_S = 0.3

let busy = true
process.stdin.on('end', () => busy && process.exit(3))
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
busy = false
for await (const line of createInterface({ input: process.stdin })) {
  busy = true
  await play(JSON.parse(line))
  busy = false
  say('rest')
}
await Promise.race([Promise.all(tables.map((table) => table.close())), sleep(5000)])
process.exit(0)

async function play({ warm_up_s, seconds }) {
  for (const table of tables) table.play(asked.pace > 0)
  const stop = asked.pace ? arrivals(asked.pace * tables.length, () => any(tables).wanted()) : () => {}
  await sleep(warm_up_s * 1000)

  figures.begin()
  say('begin')
  const before = process.cpuUsage()
  const began = performance.now()
  figures.measuring = true
  await sleep(seconds * 1000)
  figures.measuring = false
  const lasted = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(before)
  say('end', { seconds: lasted, client_cpu_s: (user + system) / 1e6, ...figures.summary() })

  stop()
  for (const table of tables) table.stop()
  await sleep(DRAIN_S * 1000)
}

function any(tables) {
  return tables[Math.floor(Math.random() * tables.length)]
}
