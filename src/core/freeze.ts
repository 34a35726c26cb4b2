/**
 * Freeze windows: times on the clock of a named zone in which no release goes forward. The zone is part of the window and
 * its rules come with the runtime, so the answer depends on the window and the instant alone.
 */

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/**
 * `days` are those on which the window begins; every day if they are left out. `fromMinute` and `toMinute` count from
 * midnight by the clock of the zone; a window that ends no later than it begins goes on into the next day, and without the
 * two it lasts the whole day. An hour that the clock shows twice is frozen both times.
 */
export type FreezeWindow = {
  days?: readonly Weekday[]
  fromMinute?: number
  toMinute?: number
  /** An IANA name such as Europe/Berlin. */
  zone: string
}

const dayMinutes = 24 * 60
const minuteMs = 60_000
/** Zones change their clocks on quarters of an hour of UTC. */
const quarterMs = 15 * minuteMs
/** Windows repeat every week. */
const weekMs = 7 * dayMinutes * minuteMs

/** Whether the clock of a window's zone stands inside of it; the first such window, null if there is none. */
export function frozenBy(windows: readonly FreezeWindow[], atMs: number): FreezeWindow | null {
  return windows.find(window => isInside(window, wallClock(window.zone)(atMs))) ?? null
}

/** A window as one question, made once: asking is cheap. */
export function weeklyTest(window: FreezeWindow): (atMs: number) => boolean {
  const clock = wallClock(window.zone)
  return atMs => Number.isFinite(atMs) && isInside(window, clock(atMs))
}

/** The first instant from `atMs` on, to the minute, at which no window is open; null if there is none within a week. */
export function thawsAtMs(windows: readonly FreezeWindow[], atMs: number): number | null {
  const clocks = windows.map(window => ({ window, clock: wallClock(window.zone) }))
  const isFrozen = (instant: number): boolean => clocks.some(({ window, clock }) => isInside(window, clock(instant)))
  if (!isFrozen(atMs)) return atMs
  const startMs = Math.floor(atMs / quarterMs) * quarterMs
  for (let quarter = startMs; quarter <= startMs + weekMs + quarterMs; quarter += quarterMs) {
    // Within a quarter of an hour clocks go evenly: its minutes are looked at only where something can end in it.
    const isOpen = !isFrozen(quarter + quarterMs)
    const minutes = isOpen || clocks.some(({ window }) => endsInside(window)) ? 15 : 0
    for (let minute = 1; minute <= minutes; minute++) {
      const instant = quarter + minute * minuteMs
      if (instant > atMs && !isFrozen(instant)) return instant
    }
  }
  return null
}

/** Windows that leave no minute of the week free: under them nothing could ever go forward. */
export function neverThaws(windows: readonly FreezeWindow[]): boolean {
  return windows.length > 0 && thawsAtMs(windows, 0) === null && thawsAtMs(windows, halfYearMs) === null
}

const halfYearMs = 26 * weekMs

/** `sat, sun 22:00-06:00 Europe/Berlin`. */
export function freezeText({ days, fromMinute, toMinute, zone }: FreezeWindow): string {
  const hours =
    fromMinute === undefined || toMinute === undefined ? null : `${clockText(fromMinute)}-${clockText(toMinute)}`
  return [days?.join(', '), hours, zone].filter(part => part != null).join(' ')
}

/** The sentence of a hold. */
export function freezeReason(windows: readonly FreezeWindow[], atMs: number): string | null {
  const window = frozenBy(windows, atMs)
  if (window === null) return null
  const until = thawsAtMs(windows, atMs)
  const end = until === null ? 'it does not end within a week' : `until ${isoMinute(until)}`
  return `frozen by ${freezeText(window)}, ${end}; going back is possible at any time`
}

type WallClock = (atMs: number) => { day: number; minute: number }

/** Day of the week from Monday, 0, and minute of the day, as a clock on a wall of the zone shows them. */
function wallClock(zone: string): WallClock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  return atMs => {
    const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]))
    const day = weekdays.indexOf((parts['weekday'] ?? '').toLowerCase() as Weekday)
    return { day, minute: Number(parts['hour']) * 60 + Number(parts['minute']) }
  }
}

function isInside(window: FreezeWindow, { day, minute }: ReturnType<WallClock>): boolean {
  const from = window.fromMinute ?? 0
  const to = window.toMinute ?? 0
  if (from < to) return beginsOn(window, day) && minute >= from && minute < to
  return (beginsOn(window, day) && minute >= from) || (beginsOn(window, (day + 6) % 7) && minute < to)
}

function beginsOn({ days }: FreezeWindow, day: number): boolean {
  const name = weekdays[day]
  return days === undefined || (name !== undefined && days.includes(name))
}

/** Whether it may end, or begin, elsewhere than on a quarter of an hour. */
function endsInside({ fromMinute = 0, toMinute = 0 }: FreezeWindow): boolean {
  return fromMinute % 15 !== 0 || toMinute % 15 !== 0
}

function clockText(minute: number): string {
  const pad = (part: number): string => String(part).padStart(2, '0')
  return `${pad(Math.floor(minute / 60))}:${pad(minute % 60)}`
}

const isoFormat = new Intl.DateTimeFormat('en-CA', {
  timeZone: 'UTC',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})

/** `2026-03-29T01:00Z`. */
export function isoMinute(atMs: number): string {
  const parts = Object.fromEntries(isoFormat.formatToParts(atMs).map(({ type, value }) => [type, value]))
  return `${parts['year']}-${parts['month']}-${parts['day']}T${parts['hour']}:${parts['minute']}Z`
}
