// The tables in Postgres: one prepared statement an action, over a pool of connections that take several at once; or,
// with GATHERED, one for all that wait. Measured, this driver costs a sixth less than `pg` with its pool, and 16 are as
// good as any number of connections.

import { readFileSync } from 'node:fs'
import postgres from 'postgres'
import { Gathered } from './gathered.js'

const POOL = 16

export class Store {
  /** None without a database in the environment: `env` has DATABASE_URL, SQL (a folder) and perhaps GATHERED. */
  static async connect({ DATABASE_URL, SQL, GATHERED }) {
    if (!DATABASE_URL) return null
    const sql = (name) => readFileSync(`${SQL}/${name}.sql`, 'utf8')
    const pool = postgres(DATABASE_URL, { max: POOL, fetch_types: !!GATHERED, onnotice() {} })
    await pool.unsafe(sql('tables')).simple()
    return new Store(pool, sql('open'), sql('commit'), GATHERED ? new Gathered(pool, sql('commits')) : null)
  }

  constructor(postgres, opening, statement, gathered) {
    Object.assign(this, { postgres, opening, statement, gathered })
  }

  async open(room, state) {
    await this.postgres.unsafe(this.opening, [room, state], { prepare: true })
  }

  /** On return the action is durable. Rejects when another server wrote to the room. */
  async commit(room, { seq, at, events, game, turn }, user, action) {
    const state = JSON.stringify({ ...game, turn })
    const texts = [user, action.id, JSON.stringify(action), JSON.stringify(events)]
    const values = [room, seq, state, at, ...texts]
    if (this.gathered) return this.gathered.commit(values)
    const { count } = await this.postgres.unsafe(this.statement, values, { prepare: true })
    if (count !== 1) throw new Error(`room ${room} is not at ${seq - 1} any more`)
  }
}
