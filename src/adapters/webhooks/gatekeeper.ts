/** Asks gates until they answer yes or no. */
import { limits } from '../../core/limits.ts'
import type { SecretRef } from '../../core/webhook.ts'
import type { Clock } from '../../ports/clock.ts'
import type { GateAnswer, GateQuestion, Gates } from '../../ports/gates.ts'
import { after } from '../clock/after.ts'
import { describe, isYes, type Posted, post } from './post.ts'
import { secretProblem, signatureHeaders } from './sign.ts'

export type GatekeeperOptions = {
  clock: Clock
  secretOf(ref: SecretRef): string | null
  /** Told of every attempt without a yes or a no. */
  onPending(question: GateQuestion, detail: string): void
  post?: typeof post
}

/** What a gate says that wants no more questions: the release goes back. */
const refusedStatus = 403

export interface Gatekeeper extends Gates {
  /** Asks no more: a question may have a day to be answered, and would keep the process alive. The next server asks again. */
  close(): void
}

export function createGatekeeper(options: GatekeeperOptions): Gatekeeper {
  const { clock, onPending } = options
  const closing = new AbortController()
  return {
    close: () => closing.abort(new Error('the server ends')),
    async ask(question, isWanted) {
      while (isWanted()) {
        const posted = await askOnce(question, options, closing.signal)
        if (closing.signal.aborted) return null
        const answer = answerOf(posted)
        if (answer !== null) return answer
        onPending(question, describe(posted))
        await new Promise<void>(resolve => after(clock, limits.gatePauseMs, resolve))
      }
      return null
    },
  }
}

async function askOnce(
  { gate, ...asked }: GateQuestion,
  options: GatekeeperOptions,
  until: AbortSignal,
): Promise<Posted> {
  const { clock, secretOf } = options
  const secret = gate.secret === null ? null : secretOf(gate.secret)
  const problem = secretProblem(gate.secret, secret)
  if (problem !== null) return { status: null, text: problem }
  const atMs = clock.nowMs()
  const id = `${asked.release}.${gate.before}`
  const body = JSON.stringify({
    type: `release.confirm-${gate.before}`,
    timestamp: new Date(atMs).toISOString(),
    data: asked,
  })
  const headers = signatureHeaders({ id, atMs, body, secret })
  return (options.post ?? post)({ url: gate.url, body, headers, timeoutMs: gate.timeoutMs, until })
}

function answerOf(posted: Posted): GateAnswer | null {
  if (isYes(posted)) return { confirmed: true, reason: describe(posted) }
  return posted.status === refusedStatus ? { confirmed: false, reason: posted.text || 'answered 403' } : null
}
