/** A server that runs elsewhere: watched by health checks, set aside after consecutive failures of real requests. */
import type { ReadyCheck } from '../../../core/endpoint.ts'
import { CutoverError } from '../../../core/errors.ts'
import { limits } from '../../../core/limits.ts'
import type { BackendRequest, BackendResponse } from '../../../ports/backend.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { InstanceState, ManagedInstance, OnChange } from '../managed.ts'
import { watchHealth } from './health.ts'
import { createHttpClient, type HttpClient } from './http-client.ts'

export class UrlInstance implements ManagedInstance {
  readonly id: string
  readonly wantsWholeBody = false
  state: InstanceState = 'starting'
  detail = 'not asked yet'
  private readonly client: HttpClient
  private readonly check: ReadyCheck
  private readonly clock: Clock
  private readonly onChange: OnChange
  private readonly isLastStanding: () => boolean
  private stopWatching: (() => void) | null = null
  private failures = 0
  private ejectedUntilMs = 0
  private startedAtMs = 0

  constructor(options: {
    address: string
    check: ReadyCheck
    clock: Clock
    onChange: OnChange
    isLastStanding: () => boolean
  }) {
    this.id = options.address
    this.client = createHttpClient(new URL(options.address).origin)
    this.check = options.check
    this.clock = options.clock
    this.onChange = options.onChange
    this.isLastStanding = options.isLastStanding
  }

  get inFlight(): number {
    return this.client.inFlight
  }

  start(): void {
    this.startedAtMs = this.clock.nowMs()
    this.stopWatching = watchHealth(this.client, this.check, found => this.probed(found))
  }

  async send(request: BackendRequest): Promise<BackendResponse> {
    try {
      const answer = await this.client.send(request)
      if (answer.status >= 500) this.failed()
      else this.failures = 0
      return answer
    } catch (error) {
      if (!(error instanceof CutoverError && error.code === 'client-closed')) this.failed()
      throw error
    }
  }

  metadata(): null {
    return null
  }

  async stop(): Promise<void> {
    this.stopWatching?.()
    await this.client.close()
  }

  private probed(found: { isReady: boolean; status: number | null }): void {
    if (this.state === 'draining') return
    const now = this.clock.nowMs()
    const said = found.status === null ? 'no answer' : `status ${found.status}`
    if (found.isReady) {
      if (now >= this.ejectedUntilMs) this.become('ready', said)
    } else if (this.state === 'ready') {
      this.become('unhealthy', `${this.check.path}: ${said}`)
    } else if (now - this.startedAtMs > this.check.timeoutMs) {
      this.become('failed', `${this.id}${this.check.path}: ${said} for ${Math.round(this.check.timeoutMs / 1000)} s`)
    }
  }

  private failed(): void {
    this.failures += 1
    if (this.failures < limits.outlierFailures || this.state !== 'ready' || this.isLastStanding()) return
    this.failures = 0
    this.ejectedUntilMs = this.clock.nowMs() + limits.outlierEjectionMs
    this.become(
      'unhealthy',
      `set aside for ${limits.outlierEjectionMs / 1000} s after ${limits.outlierFailures} failures in a row`,
    )
  }

  private become(state: InstanceState, detail: string): void {
    this.detail = detail
    if (this.state === state) return
    if (state !== 'failed') this.startedAtMs = this.clock.nowMs()
    this.state = state
    this.onChange()
  }
}
