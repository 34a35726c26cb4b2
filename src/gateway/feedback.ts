/** `POST /v1/feedback`: what became known of predictions. Answers when the outcomes are on disk, item by item. */
import { CutoverError, type Problem } from '../core/errors.ts'
import { parseExact } from '../core/exact-json.ts'
import { beyondBounds } from '../core/json-bounds.ts'
import { limits } from '../core/limits.ts'
import type { Outcome, OutcomeReceipt } from '../core/prediction.ts'
import type { Principal } from '../ports/access.ts'
import type { GatewayContext } from './context.ts'
import { excerpt } from './errors.ts'
import { type FeedbackItem, readItem } from './feedback-items.ts'
import { headerText } from './headers.ts'
import type { Inbound, Visit } from './inbound.ts'
import { assertMethod, sendJson } from './json-answer.ts'
import { refuseStatedLength } from './request-body.ts'
import type { Target } from './target.ts'

type FeedbackResult = {
  id: string | null
  prediction: string | null
  status: OutcomeReceipt['status'] | 'invalid'
  /** What is wrong with an invalid item. */
  detail?: string
}

/** Valid items are taken even if others are not; a request without any valid item is refused whole. */
export async function serveFeedback(
  context: GatewayContext,
  { inbound, outbound, target, principal }: Visit & { target: Target },
): Promise<void> {
  assertMethod(inbound, target.path, 'POST')
  const given = parseItems(await readBody(inbound))
  const isArray = Array.isArray(given)
  const list: readonly unknown[] = isArray ? given : [given]
  assertCount(list.length)
  const receivedAtMs = context.clock.nowMs()
  const items = list.map((item, index) => readItem(item, isArray ? `[${index}]` : '', receivedAtMs))
  const ofEndpoints = endpointsOf(principal ?? null)
  const outcomes = items.flatMap(item => ('outcome' in item ? [{ ...item.outcome, ...ofEndpoints }] : []))
  if (outcomes.length === 0) throw nothingValid(items)
  const receipts = await accept(context, outcomes)
  sendJson(outbound, 200, { results: resultsOf(items, list, receipts) })
}

/** Whoever may call some endpoints alone may speak of their predictions alone, whatever other ids have come their way. */
function endpointsOf(principal: Principal | null): Pick<Outcome, 'endpoints'> {
  const endpoints = principal?.endpoints ?? null
  return endpoints === null ? {} : { endpoints }
}

function readBody(inbound: Inbound): Promise<Buffer> {
  refuseStatedLength(inbound, limits.feedbackBodyBytesMax)
  const encoding = headerText(inbound, 'content-encoding') ?? 'identity'
  if (encoding !== 'identity') {
    throw new CutoverError('invalid-request', `feedback is read uncompressed, not in ${excerpt(encoding)}`)
  }
  return inbound.wholeBody(limits.feedbackBodyBytesMax)
}

const expected = 'one object or an array of objects {prediction, row?, label?, reward?, metrics?, at?, id?}'

function parseItems(body: Buffer): unknown {
  const beyond = beyondBounds(body, { membersMax: limits.feedbackMembersMax })
  if (beyond !== null) throw new CutoverError('invalid-request', `the body ${beyond}; send ${expected}`)
  try {
    return parseExact(body.toString('utf8'), isLabelAt)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'not JSON'
    throw new CutoverError('invalid-request', `the body is not JSON (${reason}); send ${expected}`, [], cause)
  }
}

/** Labels are compared with answers, whose ids keep every digit; everything else is reckoned with. */
function isLabelAt(holder: unknown, key: string): boolean {
  return Array.isArray(holder) || (key === 'label' && Object.hasOwn(holder as object, 'prediction'))
}

function assertCount(count: number): void {
  if (count === 0) throw new CutoverError('invalid-request', `the array is empty; send ${expected}`)
  if (count <= limits.feedbackItemsMax) return
  const remedy = `at most ${limits.feedbackItemsMax} in one request; send them in several`
  throw new CutoverError('body-too-large', `${count} items are too many: ${remedy}`)
}

function nothingValid(items: readonly FeedbackItem[]): CutoverError {
  const problems = items.flatMap(item => ('problems' in item ? item.problems : []))
  const which = items.length === 1 ? 'the item is not valid' : `none of the ${items.length} items is valid`
  const first = problems[0]
  return new CutoverError('invalid-request', first === undefined ? which : `${which}: ${sentence(first)}`, problems)
}

function sentence({ path, message, allowed }: Problem): string {
  return `${path === '' ? 'it' : path} ${message}${allowed === undefined ? '' : `; allowed: ${allowed.join(', ')}`}`
}

async function accept(context: GatewayContext, outcomes: readonly Outcome[]): Promise<readonly OutcomeReceipt[]> {
  try {
    return await context.recorder.feedback(outcomes)
  } catch (cause) {
    if (cause instanceof CutoverError) throw cause
    context.logger.error({ err: cause }, 'feedback could not be stored')
    throw new CutoverError('store-failed', 'the feedback could not be stored; send it again later', [], cause)
  }
}

function resultsOf(
  items: readonly FeedbackItem[],
  given: readonly unknown[],
  receipts: readonly OutcomeReceipt[],
): FeedbackResult[] {
  let next = 0
  return items.map((item, index) => {
    if ('problems' in item) return invalidResult(item.problems, given[index])
    const receipt = receipts[next++]
    if (receipt === undefined) throw new Error('the recorder gave fewer receipts than it took outcomes')
    return { id: item.outcome.id, prediction: item.outcome.prediction, status: receipt.status }
  })
}

function invalidResult(problems: readonly Problem[], given: unknown): FeedbackResult {
  const told = problems.slice(0, limits.feedbackFaultsToldMax).map(sentence)
  const more = problems.length - told.length
  const detail = [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; ')
  return { id: textOf(given, 'id'), prediction: textOf(given, 'prediction'), status: 'invalid', detail }
}

/** What the caller named it, so that the answer can be matched; null if that is not a text. */
function textOf(given: unknown, key: string): string | null {
  if (given === null || typeof given !== 'object' || !Object.hasOwn(given, key)) return null
  const value = (given as Record<string, unknown>)[key]
  return typeof value === 'string' ? excerpt(value) : null
}
