/** All instances of one version: which of them can serve, and what the fleet as a whole has to report. */
import type { FleetReport, InstanceStatus } from '../../ports/deployer.ts'
import type { ManagedInstance } from './managed.ts'

export class Fleet {
  readonly endpoint: string
  readonly version: string
  instances: readonly ManagedInstance[] = []
  private readonly report: (report: FleetReport) => void
  /** A fleet of addresses serves with one of them; of its own processes all must be there. */
  private readonly needsAll: boolean
  private said: FleetReport['state'] | null = null
  private next = 0
  private isDraining = false

  constructor(options: {
    endpoint: string
    version: string
    needsAll: boolean
    report: (report: FleetReport) => void
  }) {
    this.endpoint = options.endpoint
    this.version = options.version
    this.needsAll = options.needsAll
    this.report = options.report
  }

  /** The least busy ready instance, taking turns among equals; no allocation. */
  pick(): ManagedInstance | null {
    if (this.isDraining) return null
    const { instances } = this
    let best: ManagedInstance | null = null
    for (let index = 0; index < instances.length; index++) {
      const one = instances[(this.next + index) % instances.length]
      if (one?.state === 'ready' && (best === null || one.inFlight < best.inFlight)) best = one
    }
    this.next = (this.next + 1) % Math.max(1, instances.length)
    return best
  }

  readyCount(): number {
    return this.isDraining ? 0 : this.instances.filter(one => one.state === 'ready').length
  }

  isLastStanding(instance: ManagedInstance): boolean {
    return this.instances.every(one => one === instance || one.state !== 'ready')
  }

  /** Says what changed since the last report; `anew` repeats it for somebody who asked. */
  update(anew = false): void {
    if (this.isDraining) return
    if (anew) this.said = null
    const ready = this.readyCount()
    const failures = this.instances.filter(one => one.state === 'failed')
    const isFailed = this.needsAll ? failures.length > 0 : failures.length === this.instances.length
    const isReady = this.needsAll ? ready === this.instances.length : ready > 0
    const base = { endpoint: this.endpoint, version: this.version }
    if (isFailed) this.say({ state: 'failed', ...base, reason: `${failures[0]?.id}: ${failures[0]?.detail}` })
    else if (isReady) this.say({ state: 'ready', ...base })
  }

  private say(report: FleetReport): void {
    if (this.said === report.state) return
    this.said = report.state
    this.report(report)
  }

  status(): InstanceStatus[] {
    return this.instances.map(({ id, state, detail }) => ({ id, state: this.isDraining ? 'draining' : state, detail }))
  }

  /** Takes no more requests, waits for those in flight, then ends. */
  async stop(drainMs: number): Promise<void> {
    this.isDraining = true
    const untilMs = performance.now() + drainMs
    while (this.instances.some(one => one.inFlight > 0) && performance.now() < untilMs) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await Promise.all(this.instances.map(one => one.stop()))
  }
}
