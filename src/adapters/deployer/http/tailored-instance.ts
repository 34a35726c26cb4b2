/**
 * An instance that gets what its version's servers want rather than what callers send: secrets in place of the callers' own,
 * the model under the server's name for it, a question for tokens. What it asked for itself it takes out of the answer again.
 */
import type { Provider } from '../../../core/endpoint.ts'
import type { CutoverError } from '../../../core/errors.ts'
import { fieldOf, withoutFields } from '../../../core/http/field-lines.ts'
import type { Price } from '../../../core/measures.ts'
import { type AnswerMeter, streamMeter, wholeMeter } from '../../../core/openai/answer-meter.ts'
import { upstreamBody } from '../../../core/openai/upstream-body.ts'
import type { AnswerReading, AnswerSink, BackendCall, Sending } from '../../../ports/backend.ts'
import type { Reach } from '../reach.ts'
import type { CallsTold, FleetInstance } from '../replica.ts'
import type { AddedHeaders } from './added-headers.ts'
import { providerPath } from './provider-path.ts'

export type Tailoring = {
  headers: AddedHeaders
  /** Null for servers that do not speak in OpenAI's style. */
  provider: Provider | null
  /** The address has a path of its own. */
  hasPath: boolean
}

export class TailoredInstance implements FleetInstance {
  readonly #inner: FleetInstance
  readonly #tailoring: Tailoring

  constructor(inner: FleetInstance, tailoring: Tailoring) {
    this.#inner = inner
    this.#tailoring = tailoring
  }

  get id(): string {
    return this.#inner.id
  }

  get address(): string | undefined {
    return this.#inner.address
  }

  get inFlight(): number {
    return this.#inner.inFlight
  }

  get waiting(): number {
    return this.#inner.waiting ?? 0
  }

  /** What is to be changed must be at hand. */
  get wantsWholeBody(): boolean {
    return this.#tailoring.provider !== null || this.#inner.wantsWholeBody
  }

  metadata() {
    return this.#inner.metadata()
  }

  idle(): Promise<void> {
    return this.#inner.idle()
  }

  reach(): Reach | null {
    return this.#inner.reach()
  }

  heard(told: CallsTold): void {
    this.#inner.heard(told)
  }

  dispatch(call: BackendCall, sink: AnswerSink): Sending {
    const { provider, hasPath } = this.#tailoring
    const fields = this.#fields(call.fields)
    if (provider === null) return this.#inner.dispatch({ ...call, fields, isVetted: false }, sink)
    const wantsUsage = provider.asksForUsage && hasStreamOptions.test(call.path)
    const sent =
      call.body instanceof Uint8Array
        ? upstreamBody(call.body, { model: provider.model, wantsUsage })
        : { body: call.body, asksForUsage: false }
    const path = hasPath ? providerPath(call.path) : call.path
    const measured = new MeasuredCall(sink, { price: provider.price, withoutUsage: sent.asksForUsage })
    measured.sending = this.#inner.dispatch({ ...call, path, fields, body: sent.body, isVetted: false }, measured)
    return measured
  }

  #fields(callers: string): string {
    const { headers, provider } = this.#tailoring
    const isOurAccount = headers.has('authorization')
    const kept = withoutFields(callers, name => {
      if (headers.has(name)) return true
      // A packed answer cannot be read on its way.
      if (provider !== null && name === 'accept-encoding') return true
      return isOurAccount && accountFields.has(name)
    })
    return kept + headers.lines
  }
}

/** These name the account that a caller's own key belongs to. */
const accountFields: ReadonlySet<string> = new Set(['openai-organization', 'openai-project'])

/** The Responses API tells its tokens unasked, and refuses the question. */
const hasStreamOptions = /\/(?:chat\/)?completions(?:\?|$)/

/** Stands between an instance and whoever asked it. */
class MeasuredCall implements AnswerSink, Sending {
  sending: Sending | null = null
  readonly #sink: AnswerSink
  readonly #price: Price | null
  readonly #withoutUsage: boolean
  #meter: AnswerMeter | null = null

  constructor(sink: AnswerSink, { price, withoutUsage }: { price: Price | null; withoutUsage: boolean }) {
    this.#sink = sink
    this.#price = price
    this.#withoutUsage = withoutUsage
  }

  reading(): AnswerReading | null {
    return this.#meter === null ? null : { ...this.#meter.read(), price: this.#price }
  }

  onHead(status: number, fields: string, bodyBytes: number | null): void {
    this.#meter = meterOf(status, fields, this.#withoutUsage)
    const changesLength = this.#withoutUsage && this.#meter !== null
    this.#sink.onHead(status, fields, changesLength ? null : bodyBytes)
  }

  onBody(chunk: Uint8Array, isLast: boolean): void {
    if (this.#meter === null) {
      this.#sink.onBody(chunk, isLast)
      return
    }
    for (const part of this.#meter.push(chunk, performance.now())) this.#sink.onBody(part, false)
  }

  onEnd(): void {
    for (const part of this.#meter?.end() ?? []) this.#sink.onBody(part, false)
    this.#sink.onEnd()
  }

  onFail(error: CutoverError): void {
    this.#sink.onFail(error)
  }

  onDrain(): void {
    this.#sink.onDrain()
  }

  pause(): void {
    this.sending?.pause()
  }

  resume(): void {
    this.sending?.resume()
  }

  write(chunk: Uint8Array): boolean {
    return this.sending?.write(chunk) ?? true
  }

  end(): void {
    this.sending?.end()
  }

  cancel(): void {
    this.sending?.cancel()
  }
}

/** Null for what cannot be read: refusals, other types, packed bodies. */
function meterOf(status: number, fields: string, withoutUsage: boolean): AnswerMeter | null {
  const encoding = fieldOf(fields, 'content-encoding')?.toLowerCase() ?? 'identity'
  if (status < 200 || status > 299 || encoding !== 'identity') return null
  const type = (fieldOf(fields, 'content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (type === 'text/event-stream') return streamMeter(withoutUsage)
  return type === 'application/json' ? wholeMeter() : null
}
