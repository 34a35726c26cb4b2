import { isDeepStrictEqual } from 'node:util'
import { parseSpan, scanObject, splice } from '../../../src/core/json-members.ts'
import { isFault } from '../../../src/core/json-scanner.ts'
import { isProblem, readOpenAiRequest } from '../../../src/core/openai/request.ts'
import { upstreamBody } from '../../../src/core/openai/upstream-body.ts'
import { factsOfAnswer } from '../../../src/core/openai/usage.ts'
import type { Fuzzer } from '../fuzzer.ts'
import { drawObject, type Words } from '../json-text.ts'

const words: Words = {
  names: [
    'model',
    'stream',
    'stream_options',
    'include_usage',
    'messages',
    'role',
    'user',
    'conversation',
    'id',
    'usage',
  ],
  values: [
    '"gpt"',
    'true',
    'false',
    '"user"',
    '[{"role":"user","content":"hi"}]',
    '{"include_usage":false}',
    '{"id":"c1"}',
  ],
}

/** A body in OpenAI's style that is read otherwise than JSON.parse reads it, or changed where it should not be. */
export const jsonMembers: Fuzzer = {
  name: 'json-members',
  make: draw => Buffer.from(drawObject(draw, words, draw.of([0, 0, 0.05, 0.2]), 1 + draw.below(4))),
  check: input => {
    const parsed = parse(input)
    const parts = scanObject(input)
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    if (isFault(parts)) {
      if (isObject && !parts.fault.includes('nested')) return `JSON.parse reads it, the scanner says it ${parts.fault}`
    } else if (!isObject) return 'the scanner reads what JSON.parse does not'
    else {
      const ours = Object.fromEntries([...parts.members].map(([name, span]) => [name, parseSpan(input, span)]))
      if (!isDeepStrictEqual(ours, { ...parsed })) return `members ${JSON.stringify(ours)}`
      for (const [name, span] of parts.members) {
        const spliced = parse(splice(input, [{ ...span, text: '"put in"' }]))
        if (!isDeepStrictEqual(spliced, withMember(parsed, name, 'put in')))
          return `replacing ${name} gave ${JSON.stringify(spliced)}`
      }
    }
    return openAiFault(input, isObject ? (parsed as Record<string, unknown>) : null, !isFault(parts))
  },
}

function openAiFault(input: Buffer, parsed: Record<string, unknown> | null, isScanned: boolean): string | null {
  const read = readOpenAiRequest(input)
  if (!isProblem(read) && read.model !== parsed?.['model']) return `read the model ${read.model}`
  factsOfAnswer(input)
  const { body, asksForUsage } = upstreamBody(input, { model: 'other', wantsUsage: true })
  if (!isScanned) return Buffer.from(body).equals(input) ? null : 'a body that is no JSON object was changed'
  const sent = parse(body) as Record<string, unknown>
  const expected = Object.hasOwn(parsed ?? {}, 'model') ? withMember(parsed ?? {}, 'model', 'other') : { ...parsed }
  // What was put in stands for itself; the rest has to be as it was.
  const same = asksForUsage
    ? isDeepStrictEqual(without(sent), without(expected))
    : isDeepStrictEqual({ ...sent }, expected)
  return same ? null : `the model server gets ${JSON.stringify(sent)}`
}

function without(object: Record<string, unknown>): object {
  const { stream_options: _, ...rest } = object
  return rest
}

/** As JSON.parse would have it, where `__proto__` is a name like any other. */
function withMember(object: object, name: string, value: unknown): Record<string, unknown> {
  return Object.fromEntries([...Object.entries(object).filter(([key]) => key !== name), [name, value]])
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes))
  } catch {
    return undefined
  }
}
