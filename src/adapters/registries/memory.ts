/** A registry in memory, for tests and simulations. */
import type { RegistryNews } from '../../core/registry/news.ts'
import type { Found } from '../../core/registry/registry.ts'
import type { ModelRegistry } from '../../ports/registries.ts'

export interface MemoryRegistry extends ModelRegistry {
  /** From now on this is the newest; null withdraws it. */
  offer(found: Found | null): void
  /** Every question fails with this; null lets them pass. */
  fail(problem: string | null): void
  readonly told: readonly RegistryNews[]
  /** How often it was asked for the newest version. */
  readonly looks: number
}

export function createMemoryRegistry(): MemoryRegistry {
  let offered: Found | null = null
  let problem: string | null = null
  let looks = 0
  const told: RegistryNews[] = []
  const check = (): void => {
    if (problem !== null) throw new Error(problem)
  }
  return {
    told,
    get looks() {
      return looks
    },
    offer(found) {
      offered = found
    },
    fail(next) {
      problem = next
    },
    async newest() {
      looks += 1
      check()
      return offered
    },
    async place(found) {
      check()
      return `/models/${found.version}`
    },
    async tell(news) {
      check()
      told.push(news)
    },
  }
}
