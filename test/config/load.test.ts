import { describe, expect, it } from 'vitest'
import { loadSettings, type ServerFlags } from '../../src/config/load.ts'
import { thrownBy } from '../support/thrown.ts'

const load = (flags: ServerFlags, env: Record<string, string> = {}) => loadSettings({ flags, env, cwd: '/srv' })

describe('server settings', () => {
  it('have defaults on loopback', () => {
    expect(load({})).toEqual({
      data: '/srv/cutover-data',
      inference: { host: '127.0.0.1', port: 8080 },
      control: { host: '127.0.0.1', port: 8081 },
      logLevel: 'info',
      resources: null,
    })
  })

  it('come from variables, and from flags before those', () => {
    const env = { CUTOVER_DATA: '/data', CUTOVER_CONTROL_PORT: '9001', CUTOVER_CONFIG: 'c.yaml', CUTOVER_LOG_LEVEL: '' }
    expect(load({ controlPort: '9002' }, env)).toMatchObject({
      data: '/data',
      control: { port: 9002 },
      logLevel: 'info',
      resources: '/srv/c.yaml',
    })
  })

  it('are refused all at once, naming the flag or variable', () => {
    const { code, problems } = thrownBy(() => load({ inferencePort: '99999' }, { CUTOVER_LOG_LEVEL: 'loud' }))
    expect(code).toBe('invalid-request')
    expect(problems.map(({ path, value }) => [path, value])).toEqual([
      ['--inference-port', '99999'],
      ['CUTOVER_LOG_LEVEL', 'loud'],
    ])
  })

  it('refuse one port for both listeners, unless both are chosen freely', () => {
    expect(thrownBy(() => load({ controlPort: '8080' })).problems[0]?.path).toBe('--control-port')
    expect(load({ controlPort: '0', inferencePort: '0' })).toMatchObject({ control: { port: 0 } })
  })

  it.each(['0.0.0.0', '::', '192.168.1.2', 'example.com', '127.evil.com', ''])(
    'refuse to bind %j while nothing authenticates',
    host => {
      const { code, message, problems } = thrownBy(() => load({ controlHost: host }))
      expect(code).toBe('binding-refused')
      expect(message).toMatch(/no authentication.*proxy/s)
      expect(problems).toMatchObject([{ path: '--control-host', value: host }])
    },
  )

  it.each(['localhost', '::1', '127.0.0.2'])('bind %s', host => {
    expect(load({ controlHost: host }).control.host).toBe(host)
  })
})
