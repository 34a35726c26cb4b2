import { describe, expect, it } from 'vitest'
import { type CorsRule, corsAnswer } from '../../../src/core/access/cors.ts'

const app = 'https://app.example.com'
const rule: CorsRule = {
  origins: [app, 'http://localhost:3000'],
  methods: ['GET', 'POST'],
  headers: ['content-type', 'authorization'],
  exposed: ['x-cutover-version', 'x-cutover-prediction-id'],
  credentials: false,
  maxAgeSeconds: 600,
}
const anyone: CorsRule = { ...rule, origins: ['*'], methods: ['*'], headers: ['*'] }

type Asked = { method?: string; origin?: string; requestMethod?: string; requestHeaders?: string }

function fieldsOf(of: CorsRule, { method = 'POST', origin, requestMethod, requestHeaders }: Asked) {
  const answer = corsAnswer(of, { method, origin, requestMethod, requestHeaders })
  const pairs = answer.fields.flatMap((name, at) => (at % 2 === 0 ? [[name, answer.fields[at + 1]]] : []))
  return { preflight: answer.preflight, ...Object.fromEntries(pairs) }
}

const preflight = (asked: Asked) => ({ method: 'OPTIONS', origin: app, requestMethod: 'POST', ...asked })

describe('pages of other origins', () => {
  it.each<[string, CorsRule, Asked, object]>([
    ['no origin, no page: caches are told that there are others', rule, {}, { preflight: false, vary: 'Origin' }],
    [
      'an allowed origin reads the answer and the exposed fields',
      rule,
      { origin: app },
      {
        preflight: false,
        'access-control-allow-origin': app,
        vary: 'Origin',
        'access-control-expose-headers': 'x-cutover-version, x-cutover-prediction-id',
      },
    ],
    ['another origin reads nothing', rule, { origin: 'https://evil.example' }, { preflight: false, vary: 'Origin' }],
    ['an origin is compared whole', rule, { origin: `${app}.evil.example` }, { preflight: false, vary: 'Origin' }],
    [
      'OPTIONS without a method to ask for is a request',
      rule,
      { method: 'OPTIONS', origin: app },
      { preflight: false },
    ],
    [
      'a preflight is told what is allowed of what it asks for',
      rule,
      preflight({ requestHeaders: 'Content-Type, x-other' }),
      {
        preflight: true,
        'access-control-allow-origin': app,
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'content-type',
        'access-control-max-age': '600',
        vary: 'Origin',
      },
    ],
    [
      'a method that is not allowed is not named',
      rule,
      preflight({ requestMethod: 'DELETE' }),
      { preflight: true, 'access-control-allow-origin': app, 'access-control-max-age': '600', vary: 'Origin' },
    ],
    [
      'a preflight of another origin is answered and told nothing',
      rule,
      preflight({ origin: 'https://evil.example' }),
      { preflight: true, vary: 'Origin' },
    ],
    [
      'anyone',
      anyone,
      preflight({ requestMethod: 'PUT', requestHeaders: 'x-one, x two, x-three' }),
      {
        preflight: true,
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'PUT',
        'access-control-allow-headers': 'x-one, x-three',
        'access-control-max-age': '600',
      },
    ],
    [
      'credentials go to named origins',
      { ...rule, credentials: true },
      { origin: app },
      { 'access-control-allow-origin': app, 'access-control-allow-credentials': 'true' },
    ],
  ])('%s', (_, of, asked, expected) => {
    const fields = fieldsOf(of, asked)
    if ('preflight' in expected && Object.keys(expected).length > 1) expect(fields).toEqual(expected)
    else expect(fields).toMatchObject(expected)
  })

  it('never get credentials where anyone may ask', () => {
    expect(fieldsOf({ ...anyone, credentials: true }, { origin: app })).not.toHaveProperty(
      'access-control-allow-credentials',
    )
  })
})
