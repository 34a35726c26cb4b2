/** What another plan would have decided of a release that is over. */
import { createRoute } from '@hono/zod-openapi'
import type { z } from 'zod'
import { parsePercentFraction, parsePointsFraction } from '../../contract/units.ts'
import { rejudgedSchema, rejudgeRequestSchema, type WireRejudged } from '../../contract/wire/rejudge.ts'
import { type Asked, type Rejudged, rejudge, type Thresholds } from '../../controller/rejudging.ts'
import { CutoverError } from '../../core/errors.ts'
import type { Course } from '../../core/rejudge/course.ts'
import { compileDocument } from '../apply.ts'
import { readJson, validated } from '../bodies.ts'
import type { Api } from '../context.ts'
import { type App, bodyOf, json, problem } from '../route-parts.ts'

const route = createRoute({
  method: 'post',
  path: '/api/v1/backtest/release',
  operationId: 'backtestRelease',
  tags: ['backtest'],
  summary: 'What another plan would have decided of a release that is over',
  responses: { 200: json(rejudgedSchema, 'When each check would have passed or failed.'), ...problem },
})

type RejudgeRequest = z.output<typeof rejudgeRequestSchema>

export function registerRejudge(app: App, api: Api): void {
  app.openAPIRegistry.registerPath({ ...route, request: bodyOf(rejudgeRequestSchema) })
  app.openapi({ ...route, hide: true }, async context => {
    const request = validated(rejudgeRequestSchema, await readJson(context), { what: 'the backtest' })
    const ports = { control: api.control, evidence: api.recorded.evidence }
    return context.json(view(await rejudge(request.release, askedOf(api, request), ports)), 200)
  })
}

function askedOf(api: Api, { plan, thresholds }: RejudgeRequest): Asked {
  if (plan !== undefined && thresholds === undefined) {
    const compiled = compileDocument(api, { kind: 'Release', ...plan })
    if (compiled.kind === 'Release') return { request: compiled.plan }
  }
  if (plan === undefined && thresholds !== undefined) return { thresholds: thresholdsOf(thresholds) }
  throw new CutoverError('invalid-request', 'the backtest takes exactly one of plan and thresholds', [
    { path: 'plan', message: 'is given with thresholds, or neither is', allowed: ['plan', 'thresholds'] },
  ])
}

function thresholdsOf(given: NonNullable<RejudgeRequest['thresholds']>): Thresholds {
  const entries = Object.entries(given).map(([metric, { margin, alpha }]) => [
    metric,
    { ...(margin !== undefined && { margin: fraction(margin) }), ...(alpha !== undefined && { alpha }) },
  ])
  return Object.fromEntries(entries)
}

function fraction(text: string): number {
  return parsePointsFraction(text) ?? parsePercentFraction(text) ?? Number(text)
}

function view({ release, recorded, predictions, own, other, unknown }: Rejudged): WireRejudged {
  const { phase } = recorded.release
  const isBack = phase.kind === 'rolled-back'
  return {
    release,
    recorded: {
      end: isBack ? 'rolled-back' : 'promoted',
      at: iso(recorded.decidedMs),
      reason: isBack ? phase.reason : '',
    },
    predictions,
    own: courseView(own),
    other: courseView(other),
    unknown: [...unknown],
  }
}

function courseView({ decision, checks, periods, changes, looks }: Course): WireRejudged['own'] {
  return {
    decision: { kind: decision.kind, at: isoOrNull(decision.atMs), reason: decision.reason },
    checks: checks.map(({ firstPassMs, firstFailMs, ...check }) => ({
      ...check,
      firstPass: isoOrNull(firstPassMs),
      firstFail: isoOrNull(firstFailMs),
    })),
    periods: periods.map(
      ({ stageIndex, sinceMs, untilMs, firstPassMs, firstFailMs, couldEndMs, epoch, candidatePpm, ...rest }) => ({
        epoch,
        candidatePpm,
        looks: rest.looks,
        verdict: rest.verdict,
        reason: rest.reason,
        stage: stageIndex,
        since: iso(sinceMs),
        until: isoOrNull(untilMs),
        firstPass: isoOrNull(firstPassMs),
        firstFail: isoOrNull(firstFailMs),
        couldEnd: isoOrNull(couldEndMs),
      }),
    ),
    changes: changes.map(({ atMs, verdict, reason }) => ({ at: iso(atMs), verdict, reason })),
    looks,
  }
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString()
}

function isoOrNull(atMs: number | null): string | null {
  return atMs === null ? null : iso(atMs)
}
