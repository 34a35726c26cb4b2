/** Situations of an endpoint that is asked for advice, and the planner of a server. */

import { compileResource, validateResource } from '../../src/config/compile.ts'
import { compileRelease } from '../../src/config/compile-release.ts'
import { considerRelease } from '../../src/controller/admission/release.ts'
import { type Advice, type Advised, advise, type Planner } from '../../src/core/advise/advise.ts'
import type { Option } from '../../src/core/advise/options.ts'
import { type Answers, type Situation, situationOf, type Told } from '../../src/core/advise/situation.ts'
import type { EndpointSpec } from '../../src/core/endpoint.ts'
import { emptyState } from '../../src/core/state.ts'
import { step } from '../../src/core/step.ts'

/** v1 is stable; an instance each unless `instances` says so; conversions are reported by unit. */
export function shop(over: Readonly<Record<string, unknown>> & { instances?: number } = {}): EndpointSpec {
  const { instances = 1, ...rest } = over
  const version = (name: string) => ({ onnx: `/models/${name}.onnx`, instances })
  const document = {
    kind: 'Endpoint',
    name: 'shop',
    stable: 'v1',
    versions: Object.fromEntries(['v1', 'v2', 'v3', 'v4'].map(name => [name, version(name)])),
    prediction: { output: 'label' },
    metrics: { accuracy: { type: 'accuracy' }, conversion: { type: 'mean', of: 'converted', 'unit-level': true } },
    ...rest,
  }
  const compiled = compileResource(validateResource(document))
  if (compiled.kind !== 'Endpoint') throw new Error('no endpoint')
  return compiled.spec
}

/** Ten requests a second of as many users a day as half of them; one in ten converts; labels come. */
export const busy: Told = {
  requestsPerSecond: 10,
  seen: { requests: 6_000_000, errors: 60_000, units: 3_000_000, labelled: 10_000, wrong: 1_000, latencyP95Ms: 40 },
  delays: [],
  baseline: { known: true, baseline: { n: 10_000, mean: 0.1, variance: 0.09, perDay: 400_000 } },
}

export const unknown: Told = { requestsPerSecond: null, seen: null, delays: [], baseline: null }

export function situationIn(answers: Answers = {}, told: Told = busy, spec: EndpointSpec = shop()): Situation {
  return situationOf({ spec, stable: spec.stable, answers, told })
}

/** The documents go through every door that an applied one goes through. */
export function plannerFor(spec: EndpointSpec): Planner {
  const { state } = step(emptyState, { type: 'endpoint-applied', spec, actor: 'test' }, 0)
  return draft => {
    const resource = validateResource(JSON.parse(JSON.stringify(draft)))
    if (resource.kind !== 'Release') throw new Error('no release')
    return considerRelease(state, compileRelease(resource))
  }
}

export function advised(situation: Situation): Advised {
  return advise(situation, plannerFor(situation.spec))
}

export function planOf({ plans }: Advised, ...option: Option): Advice {
  const found = plans.find(({ stages }) => stages.join() === option.join())
  if (found === undefined) throw new Error(`no plan ${option.join()}`)
  return found
}
