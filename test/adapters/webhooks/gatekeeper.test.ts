import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createManualClock } from '../../../src/adapters/clock/manual.ts'
import { systemClock } from '../../../src/adapters/clock/system.ts'
import { createGatekeeper } from '../../../src/adapters/webhooks/gatekeeper.ts'
import type { Posted } from '../../../src/adapters/webhooks/post.ts'
import { limits } from '../../../src/core/limits.ts'

const question = {
  gate: { before: 'promotion', url: 'http://127.0.0.1:1/gate', timeoutMs: 1_000, secret: null },
  endpoint: 'digits',
  release: 'digits-1',
  from: 'v1',
  to: 'v2',
} as const

function rig(answers: readonly Posted[]) {
  const clock = createManualClock()
  const pending: string[] = []
  let asked = 0
  const gates = createGatekeeper({
    clock,
    secretOf: () => null,
    onPending: (_question, detail) => pending.push(detail),
    post: async () => answers[asked++] ?? { status: 200, text: '' },
  })
  const pass = async () => {
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
    clock.advance(limits.gatePauseMs)
    for (let turn = 0; turn < 10; turn++) await Promise.resolve()
  }
  return { gates, pending, pass, asked: () => asked }
}

describe('a gate', () => {
  it('is asked until it says yes', async () => {
    const { gates, pending, pass } = rig([
      { status: null, text: 'ECONNREFUSED' },
      { status: 429, text: '' },
      { status: 200, text: 'go' },
    ])
    const answer = gates.ask(question, () => true)
    await pass()
    await pass()
    expect(await answer).toEqual({ confirmed: true, reason: 'answered 200: go' })
    expect(pending).toEqual(['ECONNREFUSED', 'answered 429'])
  })

  it('says no by 403, and why', async () => {
    const { gates } = rig([{ status: 403, text: 'freeze' }])
    expect(await gates.ask(question, () => true)).toEqual({ confirmed: false, reason: 'freeze' })
  })

  it('is asked no more when nobody waits', async () => {
    let wanted = true
    const { gates, pass, asked } = rig([{ status: 500, text: '' }])
    const answer = gates.ask(question, () => wanted)
    await Promise.resolve()
    wanted = false
    await pass()
    expect(await answer).toBeNull()
    expect(asked()).toBe(1)
  })

  it('that never answers keeps no server from ending, and is told nothing more', async () => {
    const heard = Promise.withResolvers<void>()
    const http = createServer(() => heard.resolve())
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      http.closeAllConnections()
      http.close()
    })
    const pending: string[] = []
    const gates = createGatekeeper({
      clock: systemClock,
      secretOf: () => null,
      onPending: (_question, detail) => pending.push(detail),
    })
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/gate`
    const answer = gates.ask({ ...question, gate: { ...question.gate, url, timeoutMs: 86_400_000 } }, () => true)
    await heard.promise
    gates.close()
    expect(await answer).toBeNull()
    expect(pending).toEqual([])
  })

  it('is told over a real socket what it is asked about', async () => {
    const bodies: string[] = []
    const http = createServer((request, response) => {
      request.setEncoding('utf8').on('data', text => bodies.push(String(text)))
      request.on('end', () => response.writeHead(200).end('yes'))
    })
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void http.close())
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/confirm`
    const gates = createGatekeeper({ clock: systemClock, secretOf: () => 'hush', onPending: () => {} })
    const gate = { ...question.gate, url, secret: { env: 'HUSH' } }
    expect(await gates.ask({ ...question, gate }, () => true)).toEqual({ confirmed: true, reason: 'answered 200: yes' })
    expect(JSON.parse(bodies.join(''))).toMatchObject({
      type: 'release.confirm-promotion',
      data: { endpoint: 'digits', release: 'digits-1', from: 'v1', to: 'v2' },
    })
  })
})
