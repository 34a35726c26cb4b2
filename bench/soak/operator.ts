/** Somebody who never leaves it alone: releases to and fro, paused, resumed, promoted and aborted, and endpoints changed. */
import { pause } from './ask.ts'

export type Operated = { swaps: number; refusals: number; endings: Map<string, number> }

const strategies = [
  { canary: { steps: ['10%', '30%', '50%'], 'min-requests': 20 } },
  { shadow: { until: { pairs: 100, for: '3s', 'at-most': '10m' }, agreement: 'any' } },
  { canary: { steps: ['1%', '99%'], 'min-requests': 20 } },
] as const
/** Model servers flap, so that a real guardrail would end every release at once. */
const guardrails = { 'error-rate': { margin: '90pp' } }
const verbs = ['pause', 'resume', 'promote', 'pause', 'resume'] as const
const pauseMs = 1_500
/** Where several servers share a database another one decides by then. */
const answeredWithinMs = 60_000

/** Any of `controls` will do, and where one is gone or waits another one is asked. */
export async function operate(
  controls: readonly string[],
  { endpoint, signal }: { endpoint: (now: { stable: string; samplePercent: number }) => object; signal: AbortSignal },
): Promise<Operated> {
  const done: Operated = { swaps: 0, refusals: 0, endings: new Map() }
  const post = async (path: string, body: object): Promise<boolean> => {
    const response = await ask(controls, `/api/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    await response.text()
    if (response.ok) done.swaps += 1
    else done.refusals += 1
    return response.ok
  }
  for (let turn = 0; !signal.aborted; turn += 1) {
    const { stable } = await read(controls, '/api/v1/endpoints/soak')
    await post('apply', { documents: [endpoint({ stable, samplePercent: turn % 3 })] })
    const stages = [strategies[turn % strategies.length]]
    const to = stable === 'v1' ? 'v2' : 'v1'
    await post('releases', { kind: 'Release', endpoint: 'soak', to, guardrails, stages })
    const [{ id }] = (await read(controls, '/api/v1/releases?endpoint=soak')).items
    for (const verb of [...verbs, turn % 2 === 0 ? 'promote' : 'abort']) {
      if (signal.aborted) break
      await pause(pauseMs)
      await post(`releases/${id}/${verb}`, {})
    }
    const ending = await ended(controls, `/api/v1/releases/${id}`, signal)
    // One that waits for more evidence than there is time for.
    if (ending.startsWith('still')) await post(`releases/${id}/abort`, {})
    done.endings.set(ending, (done.endings.get(ending) ?? 0) + 1)
  }
  return done
}

const endsWithinMs = 20_000

async function ended(controls: readonly string[], path: string, signal: AbortSignal): Promise<string> {
  const untilMs = performance.now() + endsWithinMs
  for (;;) {
    const { endedAt, state } = await read(controls, path)
    if (endedAt !== null) return state
    if (performance.now() > untilMs || signal.aborted) return `still ${state}`
    await pause(200)
  }
}

// biome-ignore lint/suspicious/noExplicitAny: looks at answers as a client without our types would.
async function read(controls: readonly string[], path: string): Promise<any> {
  return (await ask(controls, path)).json()
}

async function ask(controls: readonly string[], path: string, init: RequestInit = {}): Promise<Response> {
  const untilMs = performance.now() + answeredWithinMs
  for (let turn = 0; ; turn += 1) {
    const response = await fetch(`${controls[turn % controls.length]}${path}`, init).catch(() => null)
    if (response !== null && response.status !== 503) return response
    if (performance.now() > untilMs) throw new Error(`nobody answers ${path}`)
    await pause(200)
  }
}
