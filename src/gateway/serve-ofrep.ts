/** The surface of flags on the inference listener. */
import { limits } from '../core/limits.ts'
import type { GatewayContext } from './context.ts'
import { headerText } from './headers.ts'
import type { Visit } from './inbound.ts'
import { assertMethod } from './json-answer.ts'
import { answerOfrep, type OfrepQuestion } from './ofrep.ts'
import { refuseStatedLength } from './request-body.ts'
import type { Target } from './target.ts'

export async function serveOfrep(
  { flags, clock }: GatewayContext,
  {
    inbound,
    outbound,
    target,
    question,
  }: Visit & { target: Target; question: Pick<OfrepQuestion, 'key' | 'isMalformed'> },
): Promise<void> {
  assertMethod(inbound, target.path, 'POST')
  refuseStatedLength(inbound, limits.flagContextBytesMax)
  const body = await inbound.wholeBody(limits.flagContextBytesMax)
  const ifNoneMatch = headerText(inbound, 'if-none-match')
  const {
    status,
    lines,
    body: answer,
  } = answerOfrep(flags.compiled(), { ...question, body, ifNoneMatch, nowMs: clock.nowMs() })
  outbound.answer(status, lines, answer, false)
}
