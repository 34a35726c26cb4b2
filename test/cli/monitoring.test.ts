import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ControlServer, startControlServer } from '../support/control-server.ts'
import { digits } from '../support/documents.ts'
import { call } from '../support/http.ts'
import { aLook, labelDelays, watchedSince, watching } from '../support/monitoring.ts'
import { runCli } from '../support/run-cli.ts'

let server: ControlServer
beforeEach(async () => {
  server = await startControlServer()
  await call(`${server.url}/api/v1/endpoints`, { json: { ...digits, ...watching } })
})
afterEach(() => server.close())

const cutover = (line: string) => runCli([...line.split(' '), '--server', server.url], { cwd: '/' })

describe('describe endpoint', () => {
  it('says what is watched, what is wrong and how late labels come', async () => {
    const look = aLook(watchedSince)
    server.control.monitor('digits', { ...watchedSince, ...look.report })
    server.control.looks.set('digits', look)
    server.control.delayReports.set('digits', [labelDelays])
    const { code, out } = await cutover('describe endpoint digits')
    expect(code).toBe(0)
    expect(out).toContain('watched: v1 since 2026-01-01T00:00:00.000Z: breached\n  age drifted (')
    expect(out).toContain('  error-rate broke its limit: 40.00 % of 50 requests failed, at most 2.00 % may\n')
    expect(out).toMatch(/\nage +(ks|chi-square) [\d.]+ +[\d.e-]+ +[\d.]+ \([\d.]+\) +500\/1000 +fail\n/)
    expect(out).toMatch(/\ncountry +- .* +insufficient +the reference has 0 of 1000 predictions\n/)
    expect(out).toMatch(/\nerror-rate +20 of 50 +40 % +2 % +[\d.]+ of 5.3 +fail\n/)
    expect(out).toContain(
      'label, for accuracy: half within 2 s, 90 % within 60 s, 99 % within 60 min; mature at 10 min (learned)\n',
    )
    expect(out).toMatch(/\nv1 +700 of 1000 +600 of 800 +75 % +90 %\nv2 +0 of 10 +0 of 0 +- +-\n/)
    expect(JSON.parse((await cutover('describe endpoint digits -o json')).out)).toMatchObject({
      name: 'digits',
      monitoring: { status: 'breached', drift: { verdict: 'fail' } },
      labels: [{ name: 'label' }],
    })
  })

  it('says how to have it watched', async () => {
    expect((await cutover('describe endpoint digits')).out).toContain('watched: no (declare `drift` or `monitor`)\n')
  })
})

describe('status', () => {
  it('says which stable version has an alarm, and where all of it is told', async () => {
    expect((await cutover('status')).out).not.toContain('look at it')
    const look = aLook(watchedSince)
    server.control.monitor('digits', { ...watchedSince, ...look.report })
    expect((await cutover('status')).out).toMatch(
      /\ndigits: v1 is breached: error-rate broke its limit: .*, and 1 more; look at it: cutover describe endpoint digits\n/,
    )
    expect(JSON.parse((await cutover('status -o json')).out)).toMatchObject({
      endpoints: [{ monitored: { status: 'breached', alarms: [{ name: 'age' }, { name: 'error-rate' }] } }],
    })
  })
})

describe('get predictions --summary', () => {
  it('adds the log up by the dimensions asked for', async () => {
    const line = 'get predictions --summary --endpoint digits --by version,day'
    const { code, out } = await cutover(line)
    expect(code).toBe(0)
    expect(out).toBe(
      'VERSION   DAY                        REQUESTS   ERRORS   UNITS   WRONG    REWARD   P50 / P95 / P99\n' +
        'v2        2026-01-01T00:00:00.000Z   1          0        1       0 of 1   -        -\n',
    )
    expect(JSON.parse((await cutover(`${line} -o json`)).out)).toMatchObject({ items: [{ requests: 1 }] })
  })

  it('passes its range on', async () => {
    const { err } = await cutover('get predictions --summary --endpoint digits --since yesterday')
    expect(err).toContain('query.since')
  })

  it.each([
    ['get predictions --summary', 'a summary is of one endpoint'],
    ['get predictions --summary --endpoint digits --limit 3', 'a summary takes no --limit'],
    ['get events --summary', 'there is no summary of events'],
    ['get predictions p-1 --summary', 'a summary is of an endpoint, not of one prediction'],
    ['get predictions --by day', 'get predictions takes no --by'],
    ['get predictions --summary --endpoint digits --by hours', 'the log is not added up by hours'],
  ])('%s is a matter of usage', async (line, message) => {
    expect(await cutover(line)).toMatchObject({ code: 2, err: expect.stringContaining(message) })
  })
})
