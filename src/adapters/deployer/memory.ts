import { CutoverError } from '../../core/errors.ts'
import type { AnswerSink, BackendCall, Sending } from '../../ports/backend.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Deployer, FleetReport } from '../../ports/deployer.ts'
import { type BackendRequest, type BackendResponse, dispatchBySend } from './by-promise.ts'
import { FleetDeployer } from './fleet-deployer.ts'
import { InFlight } from './in-flight.ts'
import type { Driver, FleetInstance, Replica, ReplicaEvents, ReplicaPlan } from './replica.ts'

export type Answer = (
  request: BackendRequest,
  from: { endpoint: string; version: string; instance: string },
) => BackendResponse | Promise<BackendResponse>

export type Readiness = 'at-once' | 'manual'

export type MemoryDeployerOptions = {
  clock: Clock
  report(report: FleetReport): void
  answer: Answer
  /** Instances of a `manual` version are ready only once `becomeReady` is called; all are `at-once` by default. */
  readiness?: (version: string) => Readiness
}

/** A deployer whose instances are a function; fleets behave as they do with real backends. */
export interface MemoryDeployer extends Deployer {
  /** Makes every running instance of the version ready. */
  becomeReady(endpoint: string, version: string): void
  /** Ends one running instance as a crash does; `final` fails the fleet at once. */
  crash(endpoint: string, version: string, detail: string, final?: boolean): void
}

export function createMemoryDeployer(options: MemoryDeployerOptions): MemoryDeployer {
  const driver = new MemoryDriver(options.answer, options.readiness ?? (() => 'at-once'))
  const logger = { info() {}, warn() {}, error() {} }
  const { clock, report } = options
  const deployer = new FleetDeployer({ clock, report, logger, drivers: { onnx: driver, command: driver, url: driver } })
  return Object.assign(deployer, {
    becomeReady: (endpoint: string, version: string) => {
      for (const replica of driver.running(endpoint, version)) replica.becomeReady()
    },
    crash: (endpoint: string, version: string, detail: string, final = false) => {
      driver.running(endpoint, version)[0]?.crash(detail, final)
    },
  })
}

class MemoryDriver implements Driver {
  readonly readyNeeds = 'all'
  readonly #answer: Answer
  readonly #readiness: (version: string) => Readiness
  readonly #replicas = new Set<MemoryReplica>()

  constructor(answer: Answer, readiness: (version: string) => Readiness) {
    this.#answer = answer
    this.#readiness = readiness
  }

  size(version: { instances: number }): number {
    return version.instances
  }

  async check(): Promise<null> {
    return null
  }

  start(plan: ReplicaPlan, events: ReplicaEvents): Replica {
    const replica = new MemoryReplica(plan, events, this.#answer, () => this.#replicas.delete(replica))
    this.#replicas.add(replica)
    if (this.#readiness(plan.version.name) === 'at-once') queueMicrotask(() => replica.becomeReady())
    return replica
  }

  running(endpoint: string, version: string): MemoryReplica[] {
    return [...this.#replicas].filter(({ plan }) => plan.endpoint === endpoint && plan.version.name === version)
  }
}

class MemoryReplica implements Replica {
  readonly plan: ReplicaPlan
  readonly #events: ReplicaEvents
  readonly #instance: MemoryInstance
  readonly #gone: () => void

  constructor(plan: ReplicaPlan, events: ReplicaEvents, answer: Answer, gone: () => void) {
    this.plan = plan
    this.#events = events
    this.#gone = gone
    const from = { endpoint: plan.endpoint, version: plan.version.name, instance: plan.id }
    this.#instance = new MemoryInstance(plan.id, request => answer(request, from))
  }

  becomeReady(): void {
    this.#events.ready(this.#instance)
  }

  crash(detail: string, final: boolean): void {
    this.#gone()
    this.#instance.end()
    this.#events.ended(detail, final)
  }

  async end(): Promise<void> {
    this.#gone()
    this.#instance.end()
  }
}

/** An instance answered by a function. */
export class MemoryInstance implements FleetInstance {
  readonly id: string
  readonly wantsWholeBody = false
  readonly #answer: (request: BackendRequest) => BackendResponse | Promise<BackendResponse>
  readonly #load = new InFlight()
  readonly #ended = Promise.withResolvers<never>()

  constructor(id: string, answer: (request: BackendRequest) => BackendResponse | Promise<BackendResponse>) {
    this.id = id
    this.#answer = answer
    this.#ended.promise.catch(() => {})
  }

  get inFlight(): number {
    return this.#load.count
  }

  metadata(): null {
    return null
  }

  idle(): Promise<void> {
    return this.#load.idle()
  }

  reach(): null {
    return null
  }

  heard(): void {}

  dispatch(call: BackendCall, sink: AnswerSink): Sending {
    return dispatchBySend(request => this.#send(request), call, sink)
  }

  async #send(request: BackendRequest): Promise<BackendResponse> {
    this.#load.enter()
    const aborted = Promise.withResolvers<never>()
    const onAbort = () => aborted.reject(new CutoverError('client-closed', 'the caller broke off the request'))
    if (request.signal.aborted) onAbort()
    request.signal.addEventListener('abort', onAbort)
    try {
      return await Promise.race([aborted.promise, this.#ended.promise, this.#answered(request)])
    } finally {
      request.signal.removeEventListener('abort', onAbort)
      this.#load.leave()
    }
  }

  /** Fails what is in flight. */
  end(): void {
    this.#ended.reject(new CutoverError('backend-failed', `${this.id} has ended`))
  }

  async #answered(request: BackendRequest): Promise<BackendResponse> {
    return this.#answer(request)
  }
}
