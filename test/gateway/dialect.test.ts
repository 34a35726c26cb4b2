/** Errors come in the shape that the callers of a path can read, whoever refuses and how early. */
import { expect, test } from 'vitest'
import { AccessError, noKey } from '../../src/core/access/refusals.ts'
import type { Protocol } from '../../src/core/endpoint.ts'
import { CutoverError } from '../../src/core/errors.ts'
import { shapeAt } from '../../src/gateway/dialect.ts'
import { createRouteTable } from '../../src/gateway/route.ts'
import { parseTarget } from '../../src/gateway/target.ts'
import { ask } from '../support/http-caller.ts'
import { chat, client, useProviders } from '../support/openai-client.ts'
import { chatting, specFrom, startBefore, tableOf } from '../support/providers.ts'

const { provider, gateway } = useProviders()

const protocols: Readonly<Record<string, Protocol>> = {
  oip: 'open-inference',
  oai: 'openai',
  tfs: 'tensorflow-serving',
  any: 'http',
}

function routes() {
  const table = createRouteTable()
  for (const [name, protocol] of Object.entries(protocols)) {
    const spec = specFrom({ name, protocol, versions: { v1: { url: 'http://127.0.0.1:1' } } })
    table.apply({ spec, table: tableOf(name) })
  }
  return table
}

/** Of a fault that any caller may be told, and of a refusal to one who may not know of any endpoint. */
test.each([
  ['/v2/models/oip/infer', 'open-inference', 'open-inference'],
  ['/v2/nothing', 'open-inference', 'open-inference'],
  ['/v1/chat/completions', 'openai', 'openai'],
  ['/openai/v1/models/oai', 'openai', 'openai'],
  ['/v1/models/tfs:predict', 'open-inference', 'open-inference'],
  ['/v1/models/tfs/versions/v1:predict', 'open-inference', 'open-inference'],
  ['/v1/models/tfs', 'open-inference', 'openai'],
  ['/v1/models/tfs:train', 'open-inference', 'openai'],
  ['/v1/models/nobody', 'openai', 'openai'],
  ['/v1/models/nobody:predict', 'open-inference', 'open-inference'],
  ['/endpoints/oai/v1/chat/completions', 'openai', 'openai'],
  ['/endpoints/oai/v1/files', 'openai', 'problem'],
  ['/endpoints/tfs/v1/models/tfs:predict', 'open-inference', 'open-inference'],
  ['/endpoints/any/invocations', 'problem', 'problem'],
  ['/endpoints/oip/v2/models/oip/infer', 'problem', 'problem'],
  ['/endpoints/nobody/v1/chat/completions', 'openai', 'openai'],
  ['/endpoints/nobody', 'problem', 'problem'],
  ['/v1/feedback', 'problem', 'problem'],
  ['/ofrep/v1/evaluate/flags/dark', 'ofrep', 'ofrep'],
  ['/ofrep/v1/configuration', 'ofrep', 'ofrep'],
  ['/nothing', 'problem', 'problem'],
])('an error at %s is told as %s, and as %s to who has no key', (path, shape, withoutKey) => {
  const fault = new CutoverError('invalid-request', 'a fault')
  const target = parseTarget(path)
  expect([shapeAt(routes(), target, fault), shapeAt(routes(), target, new AccessError(noKey()))]).toEqual([
    shape,
    withoutKey,
  ])
})

test('a client of OpenAI’s reads what was wrong at the base address of one endpoint too', async () => {
  const upstream = await provider(chatting(['Hi']))
  const rig = await gateway({ v1: { url: `${upstream.url}/v1` } }, { 'body-limit': 10_000 })
  const one = client(rig, { baseURL: `http://127.0.0.1:${rig.port}/endpoints/support/v1` })
  const failure = (body: object, headers: Record<string, string> = {}) =>
    one.chat.completions.create({ ...chat, ...body }, { headers }).catch((thrown: unknown) => thrown)
  expect(await failure({ user: 'x'.repeat(20_000) })).toMatchObject({ status: 413, code: 'body-too-large' })
  expect(await failure({}, { 'x-cutover-version': 'v9' })).toMatchObject({ status: 404, code: 'model_not_found' })
  expect(await failure({}, { 'x-cutover-prediction-id': 'a b' })).toMatchObject({ status: 400 })
})

test('a verb that TensorFlow Serving does not have is told by its own path, with those that it has', async () => {
  const upstream = await provider((_, res) => void res.end('{}'))
  const spec = specFrom({ name: 'flowers', protocol: 'tensorflow-serving', versions: { v1: { url: upstream.url } } })
  const rig = await startBefore(spec, tableOf('flowers'))
  try {
    for (const path of ['/v1/models/flowers:train', '/v1/models/flowers/versions/v1:Predict', '/v1/models/flowers/']) {
      const { status, text } = await ask(rig.port, { path, method: 'POST', body: '{}' })
      expect([path, status, JSON.parse(text)]).toEqual([path, 404, { error: expect.stringContaining(':predict') }])
    }
  } finally {
    await rig.close()
  }
})
