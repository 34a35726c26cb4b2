import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { joinBytes } from '../../../src/core/bytes.ts'
import { limits } from '../../../src/core/limits.ts'
import { measuresOf } from '../../../src/core/measures.ts'
import { type AnswerMeter, streamMeter, wholeMeter } from '../../../src/core/openai/answer-meter.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (parts: readonly Uint8Array[]) => new TextDecoder().decode(joinBytes(parts))

const event = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`
const chunk = (delta: object, more: object = { usage: null }) =>
  event({ id: 'chat-1', object: 'chat.completion.chunk', choices: [{ index: 0, delta }], ...more })
const role = chunk({ role: 'assistant', content: '' })
const hello = chunk({ content: 'Hel' }) + chunk({ content: 'lo "usage": {}' })
const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12, prompt_tokens_details: { cached_tokens: 4 } }
const usageEvent = event({ id: 'chat-1', choices: [], usage })
const done = 'data: [DONE]\n\n'

function pass(meter: AnswerMeter, parts: readonly string[]): string {
  const out = parts.flatMap((part, index) => meter.push(bytesOf(part), 100 * index))
  return textOf([...out, ...meter.end()])
}

describe('a stream that is measured while it passes', () => {
  test('tells its tokens and when its content began; nothing of it changes', () => {
    const meter = streamMeter(false)
    expect(pass(meter, [role, hello, usageEvent, done])).toBe(role + hello + usageEvent + done)
    expect(meter.read()).toEqual({
      usage: { input: 7, output: 5, total: 12, cachedInput: 4 },
      firstContentAtMs: 100,
      failed: false,
      responseId: 'chat-1',
    })
  })

  test.each(['\n', '\r\n', '\r'])(
    'usage that the gateway asked for is taken out, however the bytes are cut, with lines that end with %j',
    lineEnd => {
      const inLines = (text: string) => text.replaceAll('\n', lineEnd)
      const whole = bytesOf(inLines(role + hello + usageEvent + done))
      fc.assert(
        fc.property(fc.array(fc.nat(whole.length)), places => {
          const meter = streamMeter(true)
          const at = [0, ...places.toSorted((a, b) => a - b), whole.length]
          const out = at.slice(1).flatMap((end, i) => meter.push(whole.subarray(at[i], end), 0))
          expect(textOf([...out, ...meter.end()])).toBe(inLines(role + hello + done))
          expect(meter.read().usage).toMatchObject({ input: 7, output: 5 })
        }),
      )
    },
  )

  test('usage beside content stays: that event is the caller’s', () => {
    const last = chunk({ content: '!' }, { usage })
    const meter = streamMeter(true)
    expect(pass(meter, [role, last, done])).toBe(role + last + done)
    expect(meter.read().usage?.total).toBe(12)
  })

  test.each([
    ['a call of a tool', chunk({ tool_calls: [{ index: 0, function: { arguments: '{' } }] })],
    ['reasoning', chunk({ reasoning_content: 'hm' })],
    ['a completion', event({ choices: [{ text: 'Hi' }] })],
    ['the Responses API', event({ type: 'response.output_text.delta', delta: 'Hi' })],
  ])('%s is content', (_, content) => {
    const meter = streamMeter(false)
    pass(meter, [role, event({ type: 'response.created', response: { id: 'resp_1' } }), content])
    expect(meter.read().firstContentAtMs).toBe(200)
  })

  test('the Responses API tells tokens and id with its last event', () => {
    const meter = streamMeter(true)
    const completed = {
      type: 'response.completed',
      response: { id: 'resp_1', usage: { input_tokens: 3, output_tokens: 4 } },
    }
    const text = `${event({ type: 'response.created', response: { id: 'resp_1' } })}event: response.completed\n${event(completed)}`
    expect(pass(meter, [text])).toBe(text)
    expect(meter.read()).toMatchObject({ usage: { input: 3, output: 4, total: null }, responseId: 'resp_1' })
  })

  test.each([
    ['an error', event({ error: { message: 'overloaded' } }), true],
    ['an event of that name', 'event: error\ndata: {"message":"overloaded"}\n\n', true],
    ['an error that the stream ends with, without a blank line', 'data: {"error":{"message":"overloaded"}}', true],
    ['a failed response', event({ type: 'response.failed', response: {} }), true],
    ['no error', event({ error: null, choices: [] }), false],
  ])('%s within a stream: failed is %s', (_, text, failed) => {
    const meter = streamMeter(false)
    pass(meter, [role, hello, text])
    expect(meter.read().failed).toBe(failed)
  })
})

describe('an event at the edge', () => {
  const completed = (bytes: number) => {
    const response = { id: 'resp_1', output: 'x'.repeat(bytes), usage: { input_tokens: 3, output_tokens: 4 } }
    return event({ type: 'response.completed', response })
  }

  test.each([
    ['in one chunk', 1_000_000],
    ['in chunks as they are read', 65_536],
    ['in small chunks', 1_000],
  ])('too long to be held back goes on in parts and tells its tokens all the same, %s', (_, size) => {
    const text = completed(4 * limits.sseEventBytesMax)
    const meter = streamMeter(true)
    const parts = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      text.slice(at * size, (at + 1) * size),
    )
    expect(pass(meter, [role, ...parts, usageEvent, done])).toBe(role + text + done)
    const own = streamMeter(false)
    pass(own, parts)
    expect(own.read()).toMatchObject({ usage: { input: 3, output: 4 }, responseId: 'resp_1' })
  })

  test('longer than what is kept tells none', () => {
    const meter = streamMeter(false)
    const text = completed(limits.measuredAnswerBytesMax)
    pass(meter, [text.slice(0, 100_000), text.slice(100_000)])
    expect(meter.read().usage).toBeNull()
  })

  test('that the end of the stream ends is read, and taken out if the gateway asked for it', () => {
    const meter = streamMeter(true)
    expect(pass(meter, [role, hello, usageEvent.trimEnd()])).toBe(role + hello)
    expect(meter.read().usage?.total).toBe(12)
  })
})

describe('an answer in one piece', () => {
  test('tells its tokens', () => {
    const meter = wholeMeter()
    const body = JSON.stringify({ id: 'chat-2', choices: [{ message: { content: '"usage":{}' } }], usage })
    expect(pass(meter, [body.slice(0, 20), body.slice(20)])).toBe(body)
    expect(meter.read()).toMatchObject({ usage: { input: 7, output: 5 }, firstContentAtMs: null, responseId: 'chat-2' })
  })

  test.each([
    ['without usage', '{"choices":[]}'],
    ['with counts that are none', '{"usage":{"prompt_tokens":-1,"completion_tokens":"5"}}'],
    ['that is no JSON', 'oops'],
    ['that is too long', `{"usage":{"prompt_tokens":1},"x":"${'x'.repeat(limits.measuredAnswerBytesMax)}"}`],
  ])('an answer %s has no tokens, rather than none counted', (_, body) => {
    const meter = wholeMeter()
    pass(meter, [body])
    expect(meter.read().usage).toBeNull()
  })
})

describe('measures', () => {
  const price = { inputPerToken: 2e-6, outputPerToken: 8e-6, cachedInputPerToken: 1e-6 }

  test('cost counts cached input at its own price', () => {
    const answer = {
      usage: { input: 10, output: 5, total: 15, cachedInput: 4 },
      price,
      firstTokenMs: 200,
      latencyMs: 500,
    }
    expect(measuresOf(answer)).toEqual({
      'input-tokens': 10,
      'output-tokens': 5,
      tokens: 15,
      'time-to-first-token-ms': 200,
      'tokens-per-second': 10,
      cost: expect.closeTo(6 * 2e-6 + 4 * 1e-6 + 5 * 8e-6, 12),
    })
  })

  test('an embedding costs its input', () => {
    const usage = { input: 10, output: null, total: 10, cachedInput: 0 }
    expect(measuresOf({ usage, price, firstTokenMs: null, latencyMs: 5 })).toEqual({
      'input-tokens': 10,
      tokens: 10,
      cost: expect.closeTo(2e-5, 12),
    })
  })

  test('what is not known is left out', () => {
    expect(measuresOf({ usage: null, price, firstTokenMs: null, latencyMs: 5 })).toEqual({})
  })
})
