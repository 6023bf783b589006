// Moments at which somebody wants to act, each for itself, whatever became of those before.

/** Calls `arrived` so often a second on average, until the returned function is called. */
export function arrivals(perSecond, arrived) {
  let next = performance.now()
  let timer
  const go = () => {
    while (next <= performance.now()) {
      arrived()
      next += (-Math.log(1 - Math.random()) / perSecond) * 1000
    }
    timer = setTimeout(go, next - performance.now())
  }
  go()
  return () => clearTimeout(timer)
}
