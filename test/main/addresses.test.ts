import { expect, it } from 'vitest'
import { addressesJson, addressesText } from '../../src/main/addresses.ts'

const inference = { host: '127.0.0.1', port: 8080, secure: false }
const control = { host: '::1', port: 8081, secure: true }

it('a server tells people where it is, and how the first key is made', () => {
  const grpc = { host: '127.0.0.1', port: 9000 }
  const [found, key] = addressesText({ inference, control, grpc, keyFile: '/data/control.key' }).split('\n')
  expect(found).toBe(
    'inference http://127.0.0.1:8080  control https://[::1]:8081  grpc 127.0.0.1:9000  (Ctrl-C ends it)',
  )
  const command = (at: typeof control) => addressesText({ inference, control: at, grpc, keyFile: '/data/control.key' })
  expect(key).toMatch(
    /: CUTOVER_API_KEY_FILE=\/data\/control.key cutover keys create NAME --role admin --server https:\/\/\[::1\]:8081$/,
  )
  expect(command({ host: '127.0.0.1', port: 8081, secure: false })).toMatch(/ --role admin\n$/)
  expect(command({ host: '0.0.0.0', port: 9081, secure: false })).toMatch(/ --server http:\/\/127.0.0.1:9081\n$/)
})

it('a server tells programs the same in one line of JSON', () => {
  const text = addressesJson({ inference, control, grpc: null, keyFile: null })
  expect(text.endsWith('\n')).toBe(true)
  expect(JSON.parse(text)).toEqual({
    inference: 'http://127.0.0.1:8080',
    control: 'https://[::1]:8081',
    grpc: null,
    keyFile: null,
  })
})
