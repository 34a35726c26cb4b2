/**
 * Copies of callers' requests for challengers. While a caller is served its body is noted, within bounds; once its request
 * is over the copy waits in its challenger's lane. From there on nothing leads back: a challenger that hangs, breaks off,
 * talks without end or is not there changes no answer, no latency and no count of what callers get.
 */
import { limits } from '../../core/limits.ts'
import { type Share, someOf } from '../../core/share.ts'
import type { FleetView } from '../../ports/backend.ts'
import type { Clock } from '../../ports/clock.ts'
import type { RawPrediction } from '../../ports/recorder.ts'
import type { Choice } from '../choose.ts'
import type { GatewayLogger } from '../context.ts'
import type { Inbound } from '../inbound.ts'
import type { Predictions } from '../record-prediction.ts'
import type { CompiledRoute } from '../route.ts'
import type { TracingOptions } from '../trace-context.ts'
import { BodyCopy } from './body-copy.ts'
import { Challenger } from './challenger.ts'
import { Copy, type CopyPorts } from './copy.ts'
import type { DropReason, MirrorStats } from './counters.ts'
import { MirrorMemory } from './memory.ts'
import { type Aim, aimsFor, only } from './mirroring.ts'
import { championOf, Original } from './original.ts'
import { processTime } from './time.ts'
import { Underway } from './underway.ts'

/** What is noted of a request that will be copied, while its caller is served. */
export type CopySource = {
  readonly aims: readonly Aim[]
  readonly method: string
  readonly path: string
  readonly isVetted: boolean
  readonly body: BodyCopy
  /** The fields that the champion got; null until it got them. */
  fields: string | null
  hasBody: boolean
}

export type Served = { champion: RawPrediction; answerBytes: number }

export type MirrorPorts = {
  fleets: FleetView
  predictions: Predictions
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
  readonly #underway = new Underway(processTime)
  readonly #copyPorts: CopyPorts
  /** Versions that are or were challengers, by endpoint and name. */
  readonly #challengers = new Map<string, Map<string, Challenger>>()

  constructor(ports: MirrorPorts) {
    this.#ports = ports
    this.#memory = new MirrorMemory(someOf(limits.mirrorMemoryBytesMax, ports.share))
    const { predictions, clock, logger, tracing } = ports
    this.#copyPorts = { predictions, clock, logger, tracing, underway: this.#underway }
  }

  /** The mirrors of a route that has just taken effect. What became of copies is told as long as the version is there. */
  sync({ spec, mirroring, versions }: CompiledRoute): void {
    const known = this.#challengers.get(spec.name) ?? new Map<string, Challenger>()
    const aims = mirroring?.aims ?? []
    const mirrored = aims.filter(({ mirror }) => versions.includes(mirror.version))
    for (const [version, challenger] of known) {
      if (mirrored.every(({ mirror }) => mirror.version !== version)) challenger.stop()
      if (!versions.includes(version)) known.delete(version)
    }
    for (const aim of mirrored) {
      const { version, budget } = aim.mirror
      const challenger = known.get(version) ?? new Challenger(spec, version, budget, this.#ports.fleets)
      challenger.renew(spec, budget)
      known.set(version, challenger)
      aim.challenger = challenger
    }
    this.#challengers.set(spec.name, known)
  }

  forget(endpoint: string): void {
    for (const challenger of this.#challengers.get(endpoint)?.values() ?? []) challenger.stop()
    this.#challengers.delete(endpoint)
  }

  /** Null for a request that is not copied. */
  begin(choice: Choice, request: { inbound: Inbound; unit: string; path: string }): CopySource | null {
    const chosen = aimsFor(choice, request)
    if (chosen.length === 0) return null
    if (!this.#ports.hasRoom()) {
      dropAll(chosen, 'overloaded')
      return null
    }
    const { inbound, path } = request
    const { method, isVetted, statedBytes } = inbound
    const fits = ({ mirror }: Aim) => (statedBytes ?? 0) <= mirror.budget.bodyBytesMax
    const aims = only(chosen, fits)
    if (aims.length < chosen.length) {
      const others = chosen.filter(aim => !fits(aim))
      dropAll(others, 'body-too-large')
    }
    if (aims.length === 0) return null
    const body = new BodyCopy(this.#memory, bodyBytesMaxOf(aims))
    return { aims, method, path, isVetted, body, fields: null, hasBody: false }
  }

  /** The caller's request is over. Copies go their own ways from here; `champion` says what its caller got. */
  send(source: CopySource, route: CompiledRoute, served: Served): void {
    try {
      this.#offerAll(source, route, served)
    } catch (error) {
      this.#ports.logger.error({ err: error, endpoint: route.spec.name }, 'a request could not be copied')
    }
  }

  #offerAll(source: CopySource, { spec }: CompiledRoute, { champion, answerBytes }: Served): void {
    const { aims, fields, body, method, path, isVetted } = source
    // A caller that left has no answer that one of a challenger could be compared with.
    const lack = champion.status === 0 ? 'incomplete' : body.lack
    if (lack !== null || fields === null) {
      body.release()
      dropAll(aims, lack ?? 'incomplete')
      return
    }
    const bytes = source.hasBody ? body.whole(aims.some(waitsLong)) : null
    const original = new Original(
      spec,
      { asked: { method, path, isVetted, fields, body: bytes }, body },
      {
        champion: championOf(champion),
        keepsPayload: champion.payload !== null,
        answerBytesMax: limits.mirrorAnswerBytesMax + 4 * answerBytes,
      },
      aims.length,
    )
    for (const { challenger } of aims) {
      if (challenger === null) original.release()
      else challenger.offer(new Copy(this.#copyPorts, original, challenger))
    }
  }

  stats(): MirrorStats[] {
    return [...this.#challengers.values()].flatMap(versions => [...versions.values()].map(one => one.stats()))
  }

  /** Drops what waits and cuts what is on its way: neither is anything that a caller waits for. */
  close(): void {
    for (const versions of this.#challengers.values()) for (const challenger of versions.values()) challenger.stop()
    this.#underway.cancelAll()
  }
}

function bodyBytesMaxOf(aims: readonly Aim[]): number {
  let most = 0
  for (const { mirror } of aims) most = Math.max(most, mirror.budget.bodyBytesMax)
  return most
}

function waitsLong({ challenger }: Aim): boolean {
  return challenger !== null && challenger.queued >= limits.mirrorSharedBodiesMax
}

function dropAll(aims: readonly Aim[], reason: DropReason): void {
  for (const { challenger } of aims) challenger?.counters.dropped(reason)
}
