import { compileFlags } from '../../../src/core/flags/compile-flags.ts'
import { type FlagsState, flagApplied, noFlags } from '../../../src/core/flags/flags-state.ts'
import { answerOfrep, ofrepKey } from '../../../src/gateway/ofrep.ts'
import { ofrepPrefix } from '../../../src/gateway/target.ts'
import type { Draw } from '../answer-bytes.ts'
import { type Fuzzer, unforeseen } from '../fuzzer.ts'
import { drawObject, type Words } from '../json-text.ts'

const word = { actor: 'fuzz', note: null, atMs: 0 }
const spec = {
  name: 'f',
  type: 'boolean',
  variants: { on: true, off: false },
  enabled: true,
  off: 'off',
  default: { kind: 'rollout', weights: { on: 500_000, off: 500_000 } },
} as const
const targeting = { if: [{ in: [{ var: 'mail' }, { var: 'context.list' }] }, 'on', { cat: [{ var: 'age' }, ''] }] }
const state: FlagsState = [
  spec,
  { ...spec, name: 'g', default: { kind: 'variant', variant: 'off' } as const, targeting },
].reduce((flags, one) => flagApplied(flags, one as Parameters<typeof flagApplied>[1], word), noFlags)
const compiled = compileFlags(state)
const words: Words = {
  names: ['context', 'targetingKey', 'mail', 'age', 'list', 'toString', 'valueOf'],
  values: ['"u"', '{"targetingKey":"u"}', '{"targetingKey":7}', '[]', '"on"', '17'],
}

/** The path behind the prefix up to the first line feed, then the body. */
function drawQuestion(draw: Draw): Buffer {
  const path = draw.of(['', '/', '/f', '/g', '/none', '/%66', '/%', '/%ff', '/f/', '/a%2Fb', '//'])
  return Buffer.from(`${path}\n${draw.chance(0.1) ? '' : drawObject(draw, words, 0.05, 4)}`)
}

/** A question that is not answered, or answered with what is no JSON. */
export const ofrep: Fuzzer = {
  name: 'ofrep',
  make: drawQuestion,
  check: input => {
    const end = Math.max(0, input.indexOf('\n'))
    const body = input.subarray(end + 1)
    return unforeseen(
      () => {
        const question = ofrepKey(ofrepPrefix + input.toString('latin1', 0, end))
        if (question === null) return
        const { status, body: answer } = answerOfrep(compiled, { ...question, body, ifNoneMatch: undefined, nowMs: 0 })
        const told = JSON.parse(answer.toString()) as { errorCode?: string; flags?: unknown }
        if (status !== 200 && told.errorCode === undefined) throw new Error(`${status} without a code`)
      },
      () => false,
    )
  },
}
