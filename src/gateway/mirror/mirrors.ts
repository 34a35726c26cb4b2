/**
 * Copies of callers' requests for challengers. While a caller is served its body is noted, within bounds; once its request
 * is over the copy waits in its challenger's lane. From there on nothing leads back: a challenger that hangs, breaks off,
 * talks without end or is not there changes no answer, no latency and no count of what callers get.
 */
import { limits } from '../../core/limits.ts'
import { shadowIdOf } from '../../core/prediction.ts'
import { type Share, someOf } from '../../core/share.ts'
import type { MirrorBudget } from '../../core/stage-plans.ts'
import type { Mirror } from '../../core/traffic.ts'
import type { FleetView } from '../../ports/backend.ts'
import type { Clock } from '../../ports/clock.ts'
import type { RawPrediction, Recorder } from '../../ports/recorder.ts'
import { readableAnswer } from '../answer.ts'
import type { Choice } from '../choose.ts'
import type { GatewayLogger } from '../context.ts'
import { copyFields } from '../headers.ts'
import type { Inbound } from '../inbound.ts'
import { recordPrediction } from '../record-prediction.ts'
import type { CompiledRoute } from '../route.ts'
import { beginCopyTrace, copiedTrace, copySpan, type Trace, type TracingOptions } from '../trace-context.ts'
import { type Asking, askChallenger, type ChallengerAnswer } from './ask-challenger.ts'
import { BodyCopy } from './body-copy.ts'
import { CopyCounters, type CopyCounts, type DropReason } from './counters.ts'
import { Lane, processTime } from './lane.ts'
import { MirrorMemory } from './memory.ts'
import { mirrorsFor } from './mirroring.ts'

/** What is noted of a request that will be copied, while its caller is served. */
export type CopySource = {
  readonly mirrors: readonly Mirror[]
  readonly method: string
  readonly path: string
  readonly body: BodyCopy
  /** The fields that the champion got; null until it got them. */
  fields: string | null
  hasBody: boolean
}

/** The champion's prediction, as far as it tells of its shadows. */
export type Champion = Omit<RawPrediction, 'raw'>

export type Served = { champion: Champion; answerBytes: number }

export type MirrorStats = CopyCounts & { queued: number; inFlight: number }

type Job = {
  route: CompiledRoute
  mirror: Mirror
  champion: Champion
  keepsPayload: boolean
  answerBytesMax: number
  request: { method: string; path: string; fields: string; body: Uint8Array | null }
  bodyBytes: number
  /** Called once by every copy of one request: the last gives back the memory of the body. */
  release(): void
}

export type MirrorPorts = {
  fleets: FleetView
  recorder: Recorder
  clock: Clock
  logger: GatewayLogger
  share: Share
  /** Null where no spans are made. */
  tracing: TracingOptions | null
  /** Whether the process has room for what no caller waits for. */
  hasRoom(): boolean
}

export class Mirrors {
  readonly #ports: MirrorPorts
  readonly #memory: MirrorMemory
  readonly #counters = new CopyCounters()
  /** By endpoint and challenger. */
  readonly #lanes = new Map<string, Map<string, Lane<Job>>>()
  readonly #asking = new Set<Asking>()
  /** Challengers that have had a ready instance while they were mirrored, by endpoint. */
  readonly #beenUp = new Map<string, Set<string>>()

  constructor(ports: MirrorPorts) {
    this.#ports = ports
    this.#memory = new MirrorMemory(someOf(limits.mirrorMemoryBytesMax, ports.share))
  }

  /** The mirrors of a route that has just taken effect. */
  sync({ spec: { name }, mirroring, versions }: CompiledRoute): void {
    const mirrors = mirroring?.mirrors ?? []
    const challengers = mirrors.map(({ version }) => version)
    this.#counters.sync(name, versions, challengers)
    const known = this.#lanes.get(name) ?? new Map<string, Lane<Job>>()
    for (const [version, lane] of known) if (!challengers.includes(version)) lane.stop()
    const lanes = mirrors.map(({ version, budget }) => {
      const lane = known.get(version) ?? this.#newLane(budget)
      lane.setBudget(budget)
      return [version, lane] as const
    })
    this.#lanes.set(name, new Map(lanes))
    const beenUp = challengers.filter(version => this.#beenUp.get(name)?.has(version) === true)
    this.#beenUp.set(name, new Set(beenUp))
  }

  forget(endpoint: string): void {
    for (const lane of this.#lanes.get(endpoint)?.values() ?? []) lane.stop()
    this.#lanes.delete(endpoint)
    this.#beenUp.delete(endpoint)
    this.#counters.forget(endpoint)
  }

  /** Null for a request that is not copied. */
  begin(choice: Choice, request: { inbound: Inbound; unit: string; path: string }): CopySource | null {
    const chosen = mirrorsFor(choice, request)
    if (chosen.length === 0) return null
    if (!this.#ports.hasRoom()) {
      for (const mirror of chosen) this.#drop(choice.route, mirror, 'overloaded')
      return null
    }
    const { inbound, path } = request
    const statedBytes = inbound.statedBytes ?? 0
    const mirrors = chosen.filter(mirror => {
      const fits = statedBytes <= mirror.budget.bodyBytesMax
      if (!fits) this.#drop(choice.route, mirror, 'body-too-large')
      return fits
    })
    if (mirrors.length === 0) return null
    const bytesMax = mirrors.reduce((most, { budget }) => Math.max(most, budget.bodyBytesMax), 0)
    const body = new BodyCopy(this.#memory, bytesMax)
    return { mirrors, method: inbound.method, path, body, fields: null, hasBody: false }
  }

  /** The caller's request is over. Copies go their own ways from here; `champion` says what its caller got. */
  send(source: CopySource, route: CompiledRoute, served: Served): void {
    try {
      this.#offerAll(source, route, served)
    } catch (error) {
      this.#ports.logger.error({ err: error, endpoint: route.spec.name }, 'a request could not be copied')
    }
  }

  #offerAll(source: CopySource, route: CompiledRoute, { champion, answerBytes }: Served): void {
    const { mirrors, fields, body } = source
    // A caller that left has no answer that one of a challenger could be compared with.
    const lack = champion.status === 0 || fields === null ? 'incomplete' : body.lack
    if (lack !== null || fields === null) {
      body.release()
      for (const mirror of mirrors) this.#drop(route, mirror, lack ?? 'incomplete')
      return
    }
    // What is read of the request is read once, for the champion.
    const { payload, asked: _asked, ...facts } = champion
    const shared = {
      route,
      champion: { ...facts, payload: null },
      keepsPayload: payload !== null,
      answerBytesMax: limits.mirrorAnswerBytesMax + 4 * answerBytes,
      request: { method: source.method, path: source.path, fields, body: source.hasBody ? body.whole() : null },
      bodyBytes: body.bytes,
      release: atCall(mirrors.length, () => body.release()),
    }
    for (const mirror of mirrors) this.#offer({ ...shared, mirror })
  }

  stats(): MirrorStats[] {
    return this.#counters.read().map(counts => {
      const lane = this.#lanes.get(counts.endpoint)?.get(counts.version)
      return { ...counts, queued: lane?.queued ?? 0, inFlight: lane?.inFlight ?? 0 }
    })
  }

  /** Drops what waits and cuts what is on its way: neither is anything that a caller waits for. */
  close(): void {
    for (const lanes of this.#lanes.values()) for (const lane of lanes.values()) lane.stop()
    this.#lanes.clear()
    for (const asking of this.#asking) asking.cancel()
  }

  #newLane(budget: MirrorBudget): Lane<Job> {
    return new Lane<Job>(budget, {
      time: processTime,
      run: job => this.#run(job),
      drop: (job, reason) => this.#dropJob(job, reason),
    })
  }

  #offer(job: Job): void {
    const { route, mirror, bodyBytes } = job
    const lane = this.#lanes.get(route.spec.name)?.get(mirror.version)
    if (lane === undefined) this.#dropJob(job, 'stopped')
    else if (!this.#hasBeenUp(route.spec.name, mirror.version)) this.#dropJob(job, 'starting')
    else if (bodyBytes > mirror.budget.bodyBytesMax) this.#dropJob(job, 'body-too-large')
    else if (!lane.offer(job)) this.#dropJob(job, 'queue-full')
  }

  /** Its absence is a challenger's failure only once it has been there: a server that comes up takes all fleets with it. */
  #hasBeenUp(endpoint: string, version: string): boolean {
    const seen = this.#beenUp.get(endpoint)
    if (seen === undefined || seen.has(version)) return true
    if (this.#ports.fleets.readyCount(endpoint, version) === 0) return false
    seen.add(version)
    return true
  }

  #dropJob(job: Job, reason: DropReason): void {
    job.release()
    this.#drop(job.route, job.mirror, reason)
  }

  #drop({ spec }: CompiledRoute, { version }: Mirror, reason: DropReason): void {
    this.#counters.dropped(spec.name, version, reason)
  }

  async #run(job: Job): Promise<void> {
    const { route, mirror } = job
    const atMs = this.#ports.clock.nowMs()
    const trace = beginCopyTrace(this.#ports.tracing, job.request.fields)
    const asking = this.#ask(job, trace)
    this.#asking.add(asking)
    const answer = await asking.answer
    this.#asking.delete(asking)
    if (answer === null) {
      this.#dropJob(job, 'stopped')
      return
    }
    job.release()
    if (trace !== null) this.#tellSpan(trace, job, answer, atMs)
    this.#counters.answered(route.spec.name, mirror.version, answer.failed)
    try {
      this.#record(job, answer, atMs)
    } catch (error) {
      this.#ports.logger.error({ err: error, endpoint: route.spec.name }, 'the answer to a copy could not be recorded')
    }
  }

  #tellSpan(
    trace: Trace,
    { route, mirror }: Job,
    { status, failed, latencyMs }: ChallengerAnswer,
    startMs: number,
  ): void {
    const { version } = mirror
    const endMs = startMs + latencyMs
    this.#ports.tracing?.spans.record(
      copySpan(trace, { endpoint: route.spec.name, version, status, failed, startMs, endMs }),
    )
  }

  #ask({ route, mirror, champion, request, answerBytesMax }: Job, trace: Trace | null): Asking {
    const { timeoutMs } = mirror.budget
    const { connectMs, firstByteMs, idleMs } = route.spec.timeouts
    const within = (ms: number) => Math.min(ms, timeoutMs)
    const copy = {
      ...request,
      fields: copyFields(copiedTrace(request.fields, trace), {
        predictionId: shadowIdOf(champion.id, mirror.version),
        challenger: mirror.version,
      }),
      timeouts: { connectMs: within(connectMs), firstByteMs: within(firstByteMs), idleMs: within(idleMs) },
    }
    const instance = this.#ports.fleets.pick(route.spec.name, mirror.version)
    return askChallenger(instance, copy, { timeoutMs, answerBytesMax })
  }

  #record({ route, mirror, champion, keepsPayload, request }: Job, answer: ChallengerAnswer, atMs: number): void {
    const { version } = mirror
    const { status, failed, latencyMs, measures, head, body } = answer
    const response = keepsPayload ? body.whole() : null
    const { measures: _its, ...facts } = champion
    const prediction: RawPrediction = {
      ...facts,
      raw: null,
      ...(measures !== null && { measures }),
      id: shadowIdOf(champion.id, version),
      shadowOf: champion.id,
      assigned: version,
      version,
      ...{ atMs, latencyMs, status, failed },
      payload: response === null ? null : { request: request.body ?? new Uint8Array(), response },
    }
    const readable = route.spec.answer === null ? null : readableAnswer(body, head)
    recordPrediction(this.#ports.recorder, route.spec, prediction, readable)
  }
}

/** Calls it at the last of so many calls. */
function atCall(calls: number, run: () => void): () => void {
  let left = calls
  return () => {
    left -= 1
    if (left === 0) run()
  }
}
