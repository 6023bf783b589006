// Commits gathered by hand: while one is under way the next gathers, and everything in it is one statement.

export class Gathered {
  constructor(postgres, statement) {
    this.postgres = postgres
    this.statement = statement
    this.waiting = []
    this.busy = false
  }

  /** Of a room that has no commit under way. On return it is durable. */
  commit(values) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ values, resolve, reject })
      if (!this.busy) this.write()
    })
  }

  async write() {
    this.busy = true
    await null // the others of this turn of the loop come along
    while (this.waiting.length) {
      const batch = this.waiting
      this.waiting = []
      try {
        const columns = batch[0].values.map((_, column) => batch.map(({ values }) => values[column]))
        const { count } = await this.postgres.unsafe(this.statement, columns, { prepare: true })
        if (count !== batch.length) throw new Error(`${count} of ${batch.length} rooms were where they were left`)
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.busy = false
  }
}
