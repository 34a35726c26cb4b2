/** A blue-green stage as it will run. */
import type { StageResource } from '../../contract/stages/stage.ts'
import type { BlueGreenPlan, ReplayPlan, SmokeRequest } from '../../core/stage-plans.ts'
import { durationMs, percentPpm } from '../quantities.ts'

type BlueGreenResource = NonNullable<StageResource['blueGreen']>
type SmokeResource = BlueGreenResource['smoke'][number]
type ReplayResource = NonNullable<BlueGreenResource['replay']>

export function compileBlueGreen(stage: BlueGreenResource): BlueGreenPlan {
  const { preview, replay } = stage
  return {
    kind: 'blueGreen',
    preview: preview === false ? null : { header: preview.header, equals: preview.value },
    smoke: stage.smoke.map(compileSmoke),
    replay: replay === undefined ? null : compileReplay(replay),
    promotion: stage.promotion,
    afterMs: durationMs(stage.after),
    watchMs: durationMs(stage.watch),
    keepMs: durationMs(stage.keep),
    shares: stage.shares,
  }
}

function compileSmoke({ method, path, headers, body, expect }: SmokeResource): SmokeRequest {
  const isJson = body !== undefined && typeof body !== 'string'
  const isTyped = Object.keys(headers).some(name => name.toLowerCase() === 'content-type')
  const { status, within, contains } = expect
  return {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    path,
    headers: isJson && !isTyped ? { ...headers, 'content-type': 'application/json' } : headers,
    body: isJson ? JSON.stringify(body) : (body ?? null),
    expect: {
      statuses: typeof status === 'number' ? [status] : status,
      within: within === undefined ? null : durationMs(within),
      contains: contains ?? null,
    },
  }
}

function compileReplay({ requests, agreement, alpha, concurrency, methods, paths }: ReplayResource): ReplayPlan {
  return {
    requests,
    agreement: percentPpm(agreement) / 1_000_000,
    alpha,
    concurrencyMax: concurrency,
    methods,
    paths: paths ?? null,
  }
}
