import { cutAt, cutsOf, type Fuzzer } from '../fuzzer.ts'
import type { Answered } from '../read-answers.ts'
import { drawRequests } from '../stream-bytes.ts'
import { type Conversed, createWorld, type World } from '../stream-world.ts'

/** A first request that only node:http reads: the whole connection is its matter from then on. */
const forced = Buffer.from('GET /v2/health/live HTTP/1.1\r\nHost: a\r\nTE: x\r\n\r\n', 'latin1')

/** One that holds short bodies, as the product does, and one through which every body passes piece by piece. */
let worlds: Promise<[World, World]> | null = null

/**
 * A connection on which a model server sees, or a caller gets, another thing when the same bytes come in other portions,
 * when bodies are not held, or when node:http reads all of them.
 */
export const stream: Fuzzer = {
  name: 'stream',
  make: drawRequests,
  check: async input => {
    worlds ??= Promise.all([createWorld(), createWorld({ heldBodyBytes: 0 })])
    const [holding, passing] = await worlds
    // What is slow only seems to be different: it is given more time before it is a finding.
    let fault: string | null = null
    for (const quietTurns of [10, 60, 600]) {
      fault = await faultOf(input, (portions, isPassing) =>
        (isPassing ? passing : holding).converse(portions, quietTurns),
      )
      if (fault === null) return null
    }
    return fault
  },
  close: async () => {
    for (const world of (await worlds) ?? []) await world.close()
  },
}

async function faultOf(
  input: Buffer,
  converse: (portions: readonly Buffer[], isPassing?: boolean) => Promise<Conversed>,
): Promise<string | null> {
  const whole = await converse([input])
  const portions = cutAt(input, cutsOf(input, 6))
  const parts = await converse(portions)
  const passing = await converse(portions, true)
  const slow = withoutFirst(await converse([forced, input]))
  return (
    whole.fault ??
    parts.fault ??
    passing.fault ??
    slow.fault ??
    differenceOf(whole, parts, 'in parts') ??
    differenceOf(whole, passing, 'in parts, passing by') ??
    differenceOf(whole, slow, 'by node:http')
  )
}

function withoutFirst(conversed: Conversed): Conversed {
  const [first, ...answers] = conversed.answers
  return first?.status === 200
    ? { ...conversed, answers }
    : { ...conversed, fault: 'the first request was not answered' }
}

/**
 * Refusals may come sooner or later, by how much of what is malformed has come, and end the connection; up to there all
 * must be the same. Where neither ends it so, everything must.
 */
function differenceOf(one: Conversed, other: Conversed, how: string): string | null {
  const [shorter, longer] = one.answers.length <= other.answers.length ? [one, other] : [other, one]
  const told = `whole ${text(one)}\n${how} ${text(other)}`
  for (const [at, answer] of shorter.answers.entries()) {
    const counterpart = longer.answers[at]
    if (counterpart === undefined || same(answer, counterpart)) continue
    const isEnd = at === shorter.answers.length - 1 && endsRefused(shorter, at) && endsRefused(longer, at)
    return isEnd ? null : `answer ${at} is another one\n${told}`
  }
  const rest = longer.answers.slice(shorter.answers.length)
  const ended = shorter.isClosed || shorter.answers.at(-1)?.closes === true
  const sawTheSame = one.seen.toSorted().join('\n') === other.seen.toSorted().join('\n')
  // The last request may be refused, or answered by a surface that needs no body, before all of it has come, or only then.
  const isToldLater = rest.length === 1 && rest[0] !== undefined && (rest[0].status >= 400 || sawTheSame)
  if (rest.length > 0 && !isToldLater && !ended) return `an answer is missing\n${told}`
  if (rest.length > 0) return null
  return sawTheSame ? null : `the model server saw others\n${told}`
}

/** The words of a refusal may differ, and say how far it was read. */
function same(one: Answered, other: Answered): boolean {
  return one.status === other.status && one.isWhole === other.isWhole && (one.status >= 400 || one.body === other.body)
}

/** Of a request that is refused for what stands before its malformed body, and answered before that is read, the answer cannot say so. */
function endsRefused({ answers, isClosed }: Conversed, at: number): boolean {
  const answer = answers[at]
  return answer !== undefined && answer.status >= 400 && (answer.closes || (isClosed && at === answers.length - 1))
}

function text({ answers, seen, isClosed }: Conversed): string {
  return JSON.stringify({
    answers: answers.map(({ status, closes, body }) => [status, closes, body.slice(0, 200)]),
    seen: seen.map(one => one.slice(0, 200)),
    isClosed,
  })
}
