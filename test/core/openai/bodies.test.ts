import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { isProblem, readOpenAiRequest } from '../../../src/core/openai/request.ts'
import { type UpstreamNeeds, upstreamBody } from '../../../src/core/openai/upstream-body.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function read(document: unknown) {
  const request = readOpenAiRequest(bytesOf(JSON.stringify(document)))
  if (isProblem(request)) throw new Error(request.message)
  return request
}

function rewrite(text: string, needs: Partial<UpstreamNeeds>) {
  const { body, asksForUsage } = upstreamBody(bytesOf(text), { model: null, wantsUsage: false, ...needs })
  return { text: textOf(body), asksForUsage }
}

describe('what is read of a request', () => {
  test('the endpoint by its model, and whether it streams', () => {
    expect(read({ messages: [], model: 'support', stream: true })).toMatchObject({ model: 'support', isStream: true })
  })

  test.each([
    [{ user: 'u-1', safety_identifier: 's-1' }, { user: 'u-1' }],
    [{ safety_identifier: 's-1' }, { user: 's-1' }],
    [{ user: '' }, { user: null }],
    [{ conversation: 'conv_1' }, { conversation: 'conv_1' }],
    [{ conversation: { id: 'conv_2' } }, { conversation: 'conv_2' }],
    [{ previous_response_id: 'resp_1' }, { previousResponse: 'resp_1' }],
  ])('of %j: %j', (members, expected) => {
    expect(read({ model: 'm', ...members })).toMatchObject(expected)
  })

  test('the first message of a user is the same in every turn of a conversation', () => {
    const turn = (...more: object[]) => {
      const body = { model: 'm', messages: [{ role: 'system', content: `now ${more.length}` }, first, ...more] }
      const text = JSON.stringify(body)
      const span = read(body).firstMessage
      return span === null ? null : text.slice(span.start, span.end)
    }
    const first = { role: 'user', content: 'how do I ...' }
    expect(turn()).toBe(JSON.stringify(first))
    expect(turn({ role: 'assistant', content: 'so' }, { role: 'user', content: 'thanks' })).toBe(turn())
  })

  test('nothing is made of what is long and not looked at', () => {
    const list = JSON.stringify(Array.from({ length: 5_000 }, (_, at) => ({ [`k${at}`]: at })))
    const parse = vi.spyOn(JSON, 'parse')
    onTestFinished(() => void vi.restoreAllMocks())
    const body = bytesOf(
      `{"model":"a","user":${list},"stream":${list},"metadata":${list},"messages":${list},"conversation":{"id":"c1","more":${list}}}`,
    )
    expect(readOpenAiRequest(body)).toMatchObject({ model: 'a', user: null, isStream: false, conversation: 'c1' })
    upstreamBody(bytesOf(`{"model":"a","stream":true,"stream_options":{"include_usage":${list}}}`), {
      model: 'b',
      wantsUsage: true,
    })
    expect(Math.max(...parse.mock.calls.map(([text]) => text.length))).toBeLessThan(100)
  })

  test('the first message of a user is looked for among the first ones', () => {
    const messages = (before: number) =>
      readOpenAiRequest(bytesOf(`{"model":"a","messages":[${'{"role":"tool"},'.repeat(before)}{"role":"user"}]}`))
    expect(messages(limits.openAiMessagesReadMax - 1)).toMatchObject({ firstMessage: { start: expect.any(Number) } })
    expect(messages(limits.openAiMessagesReadMax)).toMatchObject({ firstMessage: null })
  })

  test.each([
    ['[1]', '', 'is not a JSON object'],
    ['{"messages":[]}', 'model', 'needs `model`'],
    ['{"model":7}', 'model', 'needs `model`'],
    ['{"model":{"model":"a"}}', 'model', 'needs `model`'],
    ['{"model":"a","model":"b"}', 'model', 'more than once'],
    ['{"model":"a","stream":true,"stream":false}', 'stream', 'more than once'],
    ['{"model":"a"', '', 'ends too early'],
  ])('%s is refused at %j: it %s', (text, path, message) => {
    expect(readOpenAiRequest(bytesOf(text))).toMatchObject({ path, message: expect.stringContaining(message) })
  })
})

describe('what a model server gets', () => {
  test('another model changes that member alone', () => {
    const text = '{"seed":9007199254740993,"model" : "support","n":1.0}'
    expect(rewrite(text, { model: 'gpt-"x"' }).text).toBe('{"seed":9007199254740993,"model" : "gpt-\\"x\\"","n":1.0}')
  })

  test.each([
    ['{"model":"m"}', '{"model":"m"}', false],
    ['{"model":"m","stream":false}', '{"model":"m","stream":false}', false],
    ['{"stream":true}', '{"stream_options":{"include_usage":true},"stream":true}', true],
    ['{"stream":true,"stream_options":null}', '{"stream":true,"stream_options":{"include_usage":true}}', true],
    ['{"stream":true,"stream_options":{}}', '{"stream":true,"stream_options":{"include_usage":true}}', true],
    [
      '{"stream":true,"stream_options":{"include_obfuscation":false}}',
      '{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}',
      true,
    ],
    [
      '{"stream":true,"stream_options":{"include_usage":false}}',
      '{"stream":true,"stream_options":{"include_usage":true}}',
      true,
    ],
    [
      '{"stream":true,"stream_options":{"include_usage":true}}',
      '{"stream":true,"stream_options":{"include_usage":true}}',
      false,
    ],
    ['{"stream":true,"stream_options":7}', '{"stream":true,"stream_options":7}', false],
    ['not JSON', 'not JSON', false],
  ])('usage of %s becomes %s', (text, expected, asksForUsage) => {
    expect(rewrite(text, { wantsUsage: true })).toEqual({ text: expected, asksForUsage })
  })

  test('whatever else is in the document stays what it was', () => {
    const members = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 }))
    fc.assert(
      fc.property(members, fc.string(), (others, model) => {
        const document = JSON.parse(JSON.stringify({ ...others, model: 'm', stream: true }).toWellFormed())
        delete document.stream_options
        const { text } = rewrite(JSON.stringify(document), { model, wantsUsage: true })
        expect(JSON.parse(text)).toEqual({
          ...document,
          model: model.toWellFormed(),
          stream_options: { include_usage: true },
        })
      }),
    )
  })
})
