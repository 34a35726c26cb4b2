/** Wire shapes are written apart from the domain; these checks fail to compile when the two drift. */
import { expect, expectTypeOf, it } from 'vitest'
import { latencyQuantiles } from '../../src/contract/metric-names.ts'
import { timelineKinds } from '../../src/contract/resource-webhooks.ts'
import { resourceSchema } from '../../src/contract/resources.ts'
import type { changeActions } from '../../src/contract/wire/change.ts'
import type { fleetStates, instanceStates, WireEndpoint, WireVersion } from '../../src/contract/wire/endpoint.ts'
import type { eventTypes } from '../../src/contract/wire/event.ts'
import type {
  flagChangeKinds,
  flagUserKinds,
  wireFlagErrors,
  wireFlagReasons,
  wireFlagTypes,
} from '../../src/contract/wire/flag.ts'
import type { roles, verdicts } from '../../src/contract/wire/judgement.ts'
import type { alarmKinds, monitorStatuses } from '../../src/contract/wire/monitored.ts'
import type { WireMonitoring } from '../../src/contract/wire/monitoring.ts'
import { wireStageKinds } from '../../src/contract/wire/plan.ts'
import type { WireFeedbackAnswer, WirePrediction } from '../../src/contract/wire/prediction.ts'
import { type holdCauses, type phaseKinds, type returnCauses, wireVerbs } from '../../src/contract/wire/release.ts'
import type { Change } from '../../src/controller/control-plane.ts'
import type { Backend, EndpointSpec } from '../../src/core/endpoint.ts'
import { type ControlEvent, operatorVerbs } from '../../src/core/event.ts'
import type { FlagError, FlagReason } from '../../src/core/flags/evaluation.ts'
import type { FlagType } from '../../src/core/flags/flag.ts'
import type { FlagChange } from '../../src/core/flags/flags-state.ts'
import type { SegmentChange } from '../../src/core/flags/segment-history.ts'
import type { Use } from '../../src/core/flags/uses.ts'
import type { Role, Verdict } from '../../src/core/judge/judgement.ts'
import { limits } from '../../src/core/limits.ts'
import type { Alarm, FeatureReport, MonitorStatus } from '../../src/core/monitor/report.ts'
import type { OutcomeReceipt, Prediction } from '../../src/core/prediction.ts'
import { type StageKind, stageKinds } from '../../src/core/stage-plans.ts'
import type { Hold, Phase } from '../../src/core/state.ts'
import type { FleetState, ReturnCause } from '../../src/core/state-words.ts'
import { type TimelineEntry, timelineEntryKinds } from '../../src/core/timeline.ts'
import type { InstanceStatus } from '../../src/ports/deployer.ts'
import { changed, digits, toV2 } from '../support/documents.ts'

type Words<List extends readonly string[]> = List[number]

it('knows the words of the domain, all of them and no others', () => {
  expectTypeOf<Words<typeof verdicts>>().toEqualTypeOf<Verdict>()
  expectTypeOf<Words<typeof roles>>().toEqualTypeOf<Role>()
  expectTypeOf<Words<typeof phaseKinds>>().toEqualTypeOf<Phase['kind']>()
  expectTypeOf<Words<typeof holdCauses>>().toEqualTypeOf<Hold['cause']>()
  expectTypeOf<Words<typeof returnCauses>>().toEqualTypeOf<ReturnCause>()
  expectTypeOf<Words<typeof timelineKinds>>().toEqualTypeOf<TimelineEntry['kind']>()
  expectTypeOf<Words<typeof eventTypes>>().toEqualTypeOf<ControlEvent['type']>()
  expectTypeOf<Words<typeof fleetStates>>().toEqualTypeOf<FleetState>()
  expectTypeOf<Words<typeof instanceStates>>().toEqualTypeOf<InstanceStatus['state']>()
  expectTypeOf<Words<typeof changeActions>>().toEqualTypeOf<Change['action']>()
  expectTypeOf<Words<typeof wireFlagTypes>>().toEqualTypeOf<FlagType>()
  expectTypeOf<Words<typeof wireFlagReasons>>().toEqualTypeOf<FlagReason>()
  expectTypeOf<Words<typeof wireFlagErrors>>().toEqualTypeOf<FlagError>()
  expectTypeOf<Words<typeof flagChangeKinds>>().toEqualTypeOf<FlagChange['how']>()
  expectTypeOf<Words<typeof flagChangeKinds>>().toEqualTypeOf<SegmentChange['how']>()
  expectTypeOf<Words<typeof flagUserKinds>>().toEqualTypeOf<Use['kind']>()
  expectTypeOf<Words<typeof wireStageKinds>>().toEqualTypeOf<StageKind>()
  expectTypeOf<Words<typeof monitorStatuses>>().toEqualTypeOf<MonitorStatus | 'unwatched'>()
  expectTypeOf<Words<typeof alarmKinds>>().toEqualTypeOf<Alarm['kind']>()
  expectTypeOf<keyof NonNullable<WireMonitoring['drift']>['features'][number]>().toEqualTypeOf<keyof FeatureReport>()
  expectTypeOf<WireVersion['backend']['kind']>().toEqualTypeOf<Backend['kind']>()
  expectTypeOf<WireEndpoint['unit']>().toEqualTypeOf<EndpointSpec['unit']>()
  expectTypeOf<WireEndpoint['protocol']>().toEqualTypeOf<EndpointSpec['protocol']>()
  expectTypeOf<WireFeedbackAnswer['results'][number]['status']>().toEqualTypeOf<OutcomeReceipt['status'] | 'invalid'>()
  expect([wireStageKinds, wireVerbs, timelineKinds]).toEqual([stageKinds, operatorVerbs, timelineEntryKinds])
})

it('shows every field of a prediction', () => {
  type Shown = keyof Omit<WirePrediction, 'at' | 'outcomes'>
  expectTypeOf<Shown>().toEqualTypeOf<keyof Omit<Prediction, 'atMs'>>()
})

it('refuses documents at the limits that the core has', () => {
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`v${i}`, { onnx: '/x' }]))
  const accepts = (count: number) =>
    resourceSchema.safeParse({ ...digits, stable: 'v0', versions: many(count) }).success
  expect(accepts(limits.versionsPerEndpointMax)).toBe(true)
  expect(accepts(limits.versionsPerEndpointMax + 1)).toBe(false)
  expect(Object.keys(latencyQuantiles)).toHaveLength(5)
})

const stage = toV2.stages[0]
const times = <Value>(count: number, value: Value): Value[] => Array.from({ length: count }, () => value)
const named = (count: number) => Array.from({ length: count }, (_, index) => `e${index}`)
const rising = (count: number) => Array.from({ length: count }, (_, step) => `${(step + 1) / 10}%`)
const features = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, { pointer: '/x' }]))
const metrics = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i}`, { margin: '1pp' }]))
const someFlag = { kind: 'Flag', name: 'ranker', serve: 'off' }
const flagRules = (count: number) => named(count).map(name => ({ name, serve: 'on' }))
const flagSteps = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ at: new Date(i * 60_000).toISOString(), serve: 'on' }))
const inValues = (count: number) => ({ attribute: 'a', in: named(count) })
const conditionsOf = (...when: unknown[]) => ({ ...someFlag, rules: [{ name: 'a', when, serve: 'on' }] })
const variantsOf = (count: number) => Object.fromEntries(named(count).map(name => [name, true]))
it.each([
  [
    'variants of a flag',
    limits.flagVariantsMax,
    (count: number) => ({ ...someFlag, serve: 'e0', variants: variantsOf(count) }),
  ],
  ['rules of a flag', limits.flagRulesMax, (count: number) => ({ ...someFlag, rules: flagRules(count) })],
  ['steps of a flag', limits.flagStepsMax, (count: number) => ({ ...someFlag, schedule: flagSteps(count) })],
  ['conditions of a rule', limits.flagConditionsMax, (count: number) => conditionsOf(...times(count, inValues(1)))],
  ['values of a condition', limits.flagValuesMax, (count: number) => conditionsOf(inValues(count))],
  [
    'units of a segment',
    limits.flagValuesMax,
    (count: number) => ({ kind: 'Segment', name: 's', include: named(count) }),
  ],
  [
    'instances',
    limits.instancesPerVersionMax,
    (count: number) => changed(digits, ['versions', 'v2', 'instances'], count),
  ],
  [
    'stages',
    limits.stagesPerReleaseMax,
    (count: number) => ({ ...toV2, stages: Array.from({ length: count }, () => stage) }),
  ],
  ['steps', limits.stepsPerStageMax, (count: number) => ({ ...toV2, stages: [{ canary: { steps: rising(count) } }] })],
  ['features', limits.featuresPerEndpointMax, (count: number) => ({ ...digits, features: features(count) })],
  [
    'predictions of a reference',
    limits.driftReferenceMax,
    (reference: number) => ({ ...digits, drift: { reference } }),
  ],
  ['predictions of a window', limits.driftWindowMax, (window: number) => ({ ...digits, drift: { window } })],
  [
    'trials of a window',
    limits.monitorWindowMax,
    (window: number) => ({ ...digits, monitor: { 'error-rate': { max: '1%' }, window } }),
  ],
  ['guardrails', limits.guardrailsPerReleaseMax, (count: number) => ({ ...toV2, guardrails: metrics(count) })],
  [
    'freeze windows',
    limits.freezeWindowsMax,
    (count: number) => ({ ...toV2, freeze: times(count, { days: ['sat'] }) }),
  ],
  [
    'rules of a scope',
    limits.scopeRulesMax,
    (count: number) => ({ ...toV2, match: times(count, { header: 'x', equals: 'y' }) }),
  ],
  [
    'values of a rule',
    limits.scopeValuesMax,
    (count: number) => ({ ...toV2, match: [{ header: 'x', in: times(count, 'y') }] }),
  ],
  [
    'members of a group',
    limits.groupMembersMax,
    (count: number) => ({ ...toV2, group: { name: 'g', endpoints: ['digits', ...named(count - 1)] } }),
  ],
] as const)('takes as many %s as the core allows, and not one more', (_what, most, documentWith) => {
  const accepts = (count: number) => resourceSchema.safeParse(documentWith(count)).success
  expect([accepts(most), accepts(most + 1)]).toEqual([true, false])
})
