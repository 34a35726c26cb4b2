/** What the routes of the control API work with. */
import type { Context } from 'hono'
import type { Resource } from '../contract/resources.ts'
import type { ScenarioDocument } from '../contract/scenario.ts'
import type { ControlPlane, ReleaseRequest } from '../controller/control-plane.ts'
import type { CorsRule } from '../core/access/cors.ts'
import type { EndpointSpec } from '../core/endpoint.ts'
import { CutoverError } from '../core/errors.ts'
import type { FlagSpec, SegmentSpec } from '../core/flags/flag.ts'
import { own } from '../core/own.ts'
import type { Behaviour, Scenario } from '../core/simulate/scenario.ts'
import type { StageKind } from '../core/stage-plans.ts'
import type { EndpointState } from '../core/state.ts'
import type { Access } from '../ports/access.ts'
import type { Analytics } from '../ports/analytics.ts'
import type { Certificates } from '../ports/certificates.ts'
import type { Clock } from '../ports/clock.ts'
import type { Deliveries } from '../ports/deliveries.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { PageFiles } from '../ports/page-files.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import type { RecordedEvidence } from '../ports/recorded-evidence.ts'
import type { RecordedTraffics } from '../ports/recorded-traffic.ts'
import type { Simulations } from '../ports/simulations.ts'
import { principalOf } from './access.ts'
import type { EventStreams } from './event-streams.ts'
import type { Turns } from './turns.ts'

export type CompiledDocument =
  | { kind: 'Endpoint'; spec: EndpointSpec }
  | { kind: 'Release'; plan: ReleaseRequest }
  | { kind: 'Flag'; spec: FlagSpec }
  | { kind: 'Segment'; spec: SegmentSpec }

export type ApiDependencies = {
  control: ControlPlane
  /** Turns a valid document into what the controller takes; throws invalid-resource. */
  compile(resource: Resource): CompiledDocument
  /** Asked about every request; left out where no key is needed. */
  access?: Access | undefined
  /** Left out for plain HTTP. */
  certificates?: Certificates | undefined
  /** Pages of other origins that may ask; left out for none. */
  cors?: CorsRule | undefined
  /** Left out where it was not built. */
  dashboard?: PageFiles | undefined
  health: { ready(): boolean }
  predictions: Pick<PredictionLog, 'find'>
  analytics: Pick<Analytics, 'summarise' | 'offPolicyRows'>
  deliveries: Deliveries
  /** What was recorded, for questions about it. */
  recorded: { evidence: RecordedEvidence; traffic: RecordedTraffics }
  simulations: Simulations
  expressions: Expressions
  /** Turns a valid Scenario document into what is simulated, and a Release document into one by another strategy. */
  rehearsals: {
    scenario(document: ScenarioDocument): Scenario
    withStrategy(release: unknown, kind: StageKind): unknown
    /** A version like this one but for what is said of it in the form of a scenario; throws invalid-resource. */
    behaviour(like: Behaviour, said: unknown): Behaviour
  }
  /** Prometheus text. */
  metrics: { text(): Promise<string>; contentType: string }
  version: string
  clock: Clock
  /** Told of every error that is a mistake of the program; the answer does not say what it was. */
  onInternalError?(error: unknown, request: { method: string; path: string }): void
}

export type Api = ApiDependencies & { streams: EventStreams; turns: Turns }

/** Who asks, by its own word: kept with a change where the server asks for no keys. */
export const actorHeader = 'x-cutover-actor'
export const actorForm = /^[\w.:@+-]{1,100}$/

/** Who asks: the key that proved it, else what the caller says of itself, which is a note for the log and gives no rights. */
export function actorOf(context: Context): string {
  const principal = principalOf(context)
  if (principal !== null) return `key:${principal.name}`
  const claimed = context.req.header(actorHeader) ?? ''
  return actorForm.test(claimed) ? claimed : 'api'
}

export function endpointState(control: ControlPlane, name: string): EndpointState {
  const endpoint = own(control.state().endpoints, name)
  if (endpoint !== undefined) return endpoint
  const known = Object.keys(control.state().endpoints)
  throw new CutoverError('endpoint-not-found', `there is no endpoint ${name}`, [
    { path: 'endpoint', message: 'is not an endpoint', value: name, allowed: known },
  ])
}
