/** What another fixed policy would have earned, valued from the recorded log. */
import { createRoute } from '@hono/zod-openapi'
import type { z } from 'zod'
import { parsePercentPpm } from '../../contract/units.ts'
import { backtestAnswerSchema, backtestRequestSchema, type WireBacktest } from '../../contract/wire/backtest.ts'
import type { EndpointSpec } from '../../core/endpoint.ts'
import { CutoverError, type Problem } from '../../core/errors.ts'
import { limits } from '../../core/limits.ts'
import { type ChosenRows, type Valuation, valuePolicy } from '../../core/off-policy.ts'
import { own } from '../../core/own.ts'
import type { Weights } from '../../core/traffic.ts'
import type { AnalyticsRange, OffPolicyValue } from '../../ports/analytics.ts'
import { readJson, validated } from '../bodies.ts'
import { type Api, endpointState } from '../context.ts'
import { type App, bodyOf, json, problem } from '../route-parts.ts'

const route = createRoute({
  method: 'post',
  path: '/api/v1/backtest',
  operationId: 'backtestPolicy',
  tags: ['backtest'],
  summary: 'What another fixed policy would have earned, from the log',
  responses: { 200: json(backtestAnswerSchema, 'The estimates, or why there are none.'), ...problem },
})

type BacktestRequest = z.output<typeof backtestRequestSchema>

export function registerBacktest(app: App, api: Api): void {
  app.openAPIRegistry.registerPath({ ...route, request: bodyOf(backtestRequestSchema) })
  app.openapi({ ...route, hide: true }, async context => {
    const request = validated(backtestRequestSchema, await readJson(context), { what: 'the backtest' })
    const { spec } = endpointState(api.control, request.endpoint)
    const policy = policyOf(request.policy, spec)
    const value = valueSource(request.value, spec)
    const halves = await halvesOf(api, rangeOf(request), value)
    return context.json(answer(request, policy, valuePolicy({ policy, halves, alpha: request.alpha })), 200)
  })
}

function policyOf(shares: BacktestRequest['policy'], { versions, name }: EndpointSpec): Weights {
  const allowed = Object.keys(versions)
  const problems = Object.keys(shares).flatMap((version): Problem[] =>
    own(versions, version) === undefined
      ? [{ path: `policy.${version}`, message: `${name} has no such version`, value: version, allowed }]
      : [],
  )
  const policy = Object.fromEntries(
    Object.entries(shares).map(([version, text]) => [version, parsePercentPpm(text) ?? 0]),
  )
  const sum = Object.values(policy).reduce((total, ppm) => total + ppm, 0)
  if (sum !== limits.ppmTotal)
    problems.push({
      path: 'policy',
      message: `the shares sum to ${sum / 10_000}%`,
      allowed: ['shares that sum to 100%'],
    })
  if (problems.length === 0) return policy
  const what = problems.map(one => `${one.path}: ${one.message}`).join('; ')
  throw new CutoverError('invalid-request', `the policy is not valid: ${what}`, problems)
}

/** A value of single rows. */
function valueSource(name: string, { metrics }: EndpointSpec): OffPolicyValue {
  if (name === 'correct') return { kind: 'correct' }
  const metric = own(metrics, name)
  if (metric === undefined && name === 'reward') return { kind: 'reward' }
  if (metric?.type === 'accuracy') return { kind: 'correct' }
  if (
    (metric?.type === 'mean' || metric?.type === 'rate') &&
    (metric.of.from === 'reward' || metric.of.from === 'reported')
  )
    return metric.of.from === 'reward' ? { kind: 'reward' } : { kind: 'metric', name: metric.of.name }
  const allowed = ['reward', 'correct', ...Object.keys(metrics)]
  const message =
    metric === undefined ? 'the endpoint declares no such metric' : `a ${metric.type} is no value of single rows`
  throw new CutoverError('invalid-request', `${name} cannot be valued: ${message}`, [
    { path: 'value', message, value: name, allowed },
  ])
}

function rangeOf({ endpoint, release, since, until }: BacktestRequest): AnalyticsRange {
  return {
    endpoint,
    ...(release !== undefined && { release }),
    ...(since !== undefined && { sinceMs: Date.parse(since) }),
    ...(until !== undefined && { untilMs: Date.parse(until) }),
  }
}

/** The log before and after the middle of its time. */
async function halvesOf(
  { analytics }: Api,
  range: AnalyticsRange,
  value: OffPolicyValue,
): Promise<readonly [readonly ChosenRows[], readonly ChosenRows[]]> {
  const [whole] = await analytics.summarise({ ...range, groupBy: [] })
  if (whole === undefined) return [[], []]
  const middleMs = Math.floor((whole.firstMs + whole.lastMs) / 2) + 1
  const read = async (part: AnalyticsRange): Promise<ChosenRows[]> => {
    const rows: ChosenRows[] = []
    await analytics.offPolicyRows({ ...part, value }, batch => {
      for (const { version, propensity, predictions, values } of batch)
        rows.push({ version, propensity, predictions, values: values === null ? null : momentsOf(values) })
    })
    return rows
  }
  // A range that ends, or begins, on one side of the middle keeps its own end there.
  return [await read({ ...range, untilMs: middleMs }), await read({ ...range, sinceMs: middleMs })]
}

function momentsOf({ n, mean, m2 }: { n: number; mean: number; m2: number }) {
  return { n, mean, m2 }
}

/** Part by part: `ok`, by which functions tell results from failures, is no word of the wire. */
function overlapView(overlap: NonNullable<Valuation['overlap']>): WireBacktest['overlap'] {
  const { verdict, rows, effectiveRows, meanWeight, meanWeightError, greatestShare, alarms } = overlap
  const told = alarms.map(({ rule, reason }) => ({ rule, reason }))
  return { verdict, rows, effectiveRows, meanWeight, meanWeightError, greatestShare, alarms: told }
}

function answer({ endpoint, value, alpha }: BacktestRequest, policy: Weights, valuation: Valuation): WireBacktest {
  const { refused, requests, overlap, logged, estimates, cautions } = valuation
  return {
    endpoint,
    policy: { ...policy },
    value,
    alpha,
    refused,
    requests: { ...requests },
    overlap: overlap === null ? null : overlapView(overlap),
    logged: logged === null ? null : { ...logged },
    estimates: estimates.map(estimate => ({ ...estimate })),
    cautions: [...cautions],
  }
}
