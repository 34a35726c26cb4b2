import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type FreezeWindow, freezeText, frozenBy, neverThaws, thawsAtMs, weekdays } from '../../src/core/freeze.ts'

const at = (iso: string): number => Date.parse(iso)
const clock = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
const night = (zone: string, days?: FreezeWindow['days']): FreezeWindow => ({
  ...(days !== undefined && { days }),
  fromMinute: clock('22:00'),
  toMinute: clock('06:00'),
  zone,
})
const weekend: FreezeWindow = { days: ['sat', 'sun'], zone: 'UTC' }

describe('a freeze window', () => {
  const cases: [string, FreezeWindow, string, boolean][] = [
    ['of days holds the whole day', weekend, '2026-08-01T00:00:00Z', true],
    ['of days ends with it', weekend, '2026-08-03T00:00:00Z', false],
    ['of days begins with it', weekend, '2026-07-31T23:59:59Z', false],
    ['over midnight holds in the evening', night('UTC'), '2026-08-05T22:00:00Z', true],
    ['over midnight holds in the morning', night('UTC'), '2026-08-05T05:59:59Z', true],
    ['over midnight is open in between', night('UTC'), '2026-08-05T06:00:00Z', false],
    ['belongs to the day on which it begins', night('UTC', ['fri']), '2026-08-01T03:00:00Z', true],
    ['does not hold on the morning of that day', night('UTC', ['fri']), '2026-07-31T03:00:00Z', false],
    ['goes by the clock of its zone in summer', night('Europe/Berlin'), '2026-07-01T20:30:00Z', true],
    ['goes by the clock of its zone in winter', night('Europe/Berlin'), '2026-01-07T20:30:00Z', false],
    ['goes by days of its zone', { days: ['sat'], zone: 'Pacific/Auckland' }, '2026-07-31T13:00:00Z', true],
    ['knows zones of half hours', night('Asia/Kolkata'), '2026-08-05T16:29:00Z', false],
    ['knows zones of half hours to the minute', night('Asia/Kolkata'), '2026-08-05T16:30:00Z', true],
    [
      'is frozen in both of the hours that the clock shows twice',
      { fromMinute: clock('02:00'), toMinute: clock('03:00'), zone: 'Europe/Berlin' },
      '2026-10-25T01:30:00Z',
      true,
    ],
    [
      'does not come on the day whose clock leaves it out',
      { fromMinute: clock('02:00'), toMinute: clock('03:00'), zone: 'Europe/Berlin' },
      '2026-03-29T01:00:00Z',
      false,
    ],
  ]
  it.each(cases)('%s', (_rule, window, iso, isFrozen) => {
    expect(frozenBy([window], at(iso)) !== null).toBe(isFrozen)
  })

  const ends: [string, readonly FreezeWindow[], string, string][] = [
    ['at its end', [night('UTC')], '2026-08-05T23:10:30Z', '2026-08-06T06:00:00Z'],
    [
      'at the end of the last of several that touch',
      [weekend, night('UTC')],
      '2026-07-31T22:30:00Z',
      '2026-08-03T06:00:00Z',
    ],
    [
      'an hour later where the clock goes back',
      [night('Europe/Berlin')],
      '2026-10-24T21:00:00Z',
      '2026-10-25T05:00:00Z',
    ],
    [
      'an hour sooner where the clock goes forward',
      [night('Europe/Berlin')],
      '2026-03-28T22:00:00Z',
      '2026-03-29T04:00:00Z',
    ],
    [
      'to the minute',
      [{ fromMinute: clock('10:07'), toMinute: clock('10:23'), zone: 'UTC' }],
      '2026-08-05T10:08:00Z',
      '2026-08-05T10:23:00Z',
    ],
  ]
  it.each(ends)('ends %s', (_rule, windows, iso, end) => {
    expect(new Date(thawsAtMs(windows, at(iso)) ?? 0).toISOString()).toBe(new Date(at(end)).toISOString())
  })

  it('is told in the words it was written in', () => {
    expect(freezeText(night('Europe/Berlin', ['sat', 'sun']))).toBe('sat, sun 22:00-06:00 Europe/Berlin')
  })

  it('is known to leave no time where it does', () => {
    const half = (from: string, to: string): FreezeWindow => ({
      fromMinute: clock(from),
      toMinute: clock(to),
      zone: 'UTC',
    })
    expect(neverThaws([{ days: [...weekdays], zone: 'UTC' }])).toBe(true)
    expect(neverThaws([half('00:00', '12:00'), half('12:00', '00:00')])).toBe(true)
    expect(neverThaws([half('00:00', '12:00'), half('12:01', '00:00')])).toBe(false)
    expect(neverThaws([])).toBe(false)
  })

  const minute = fc.integer({ min: 0, max: 1_439 })
  const window = fc.record({
    days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }),
    fromMinute: minute,
    toMinute: minute,
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe'),
  })

  it('thaws at the first minute that no window holds, whatever the windows', () => {
    fc.assert(
      fc.property(
        fc.array(window, { minLength: 1, maxLength: 2 }),
        fc.integer({ min: at('2026-01-01'), max: at('2026-12-31') }),
        (windows, atMs) => {
          const thaw = thawsAtMs(windows, atMs)
          if (thaw === null) return
          expect(frozenBy(windows, thaw)).toBeNull()
          if (thaw === atMs) return
          expect(thaw % 60_000).toBe(0)
          expect(frozenBy(windows, thaw - 60_000) !== null || thaw - 60_000 < atMs).toBe(true)
          const between = atMs + Math.floor((thaw - atMs) / 2)
          expect(frozenBy(windows, between - (between % 60_000)) !== null || between - (between % 60_000) < atMs).toBe(
            true,
          )
        },
      ),
      { numRuns: 60 },
    )
  })
})
