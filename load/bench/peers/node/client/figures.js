// The counts of a measurement, while it runs. Durations are in milliseconds.

export class Figures {
  constructor() {
    this.measuring = false
    this.begin()
  }

  /** Earlier counts are forgotten. */
  begin() {
    this.ackMs = []
    this.everyoneMs = []
  }

  acked(ms) {
    if (this.measuring) this.ackMs.push(ms)
  }

  everyone(ms) {
    if (this.measuring) this.everyoneMs.push(ms)
  }

  summary() {
    return { actions: this.ackMs.length, everyone_ms: percentiles(this.everyoneMs), ack_ms: percentiles(this.ackMs) }
  }
}

export function percentiles(values) {
  const sorted = Float64Array.from(values).sort()
  const at = (share) => round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0)
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) }
}

const round = (ms) => Math.round(ms * 1000) / 1000
