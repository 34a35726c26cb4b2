import type { Instance } from '../../ports/backend.ts'

/** The instances that a request may go to. Replaced in place as they come and go; read on every request. */
export class ReadyInstances {
  readonly #instances: Instance[] = []
  #turn = 0

  get count(): number {
    return this.#instances.length
  }

  /** Calls that wait for a connection. */
  get waiting(): number {
    return this.#instances.reduce((sum, { waiting = 0 }) => sum + waiting, 0)
  }

  /** The least busy one; among equals they take turns. */
  pick(): Instance | null {
    const count = this.#instances.length
    let best: Instance | null = null
    let bestAt = 0
    for (let step = 0; step < count; step += 1) {
      const at = (this.#turn + step) % count
      const instance = this.#instances[at]
      if (instance === undefined || (best !== null && instance.inFlight >= best.inFlight)) continue
      best = instance
      bestAt = at
      if (instance.inFlight === 0) break
    }
    this.#turn = bestAt + 1
    return best
  }

  take(instances: readonly Instance[]): void {
    this.#instances.splice(0, this.#instances.length, ...instances)
  }
}
