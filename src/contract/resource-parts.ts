/** Parts that the schemas of several documents share: names, durations, shares, margins. */
import { z } from 'zod'
import { allowedMark } from './resource-rules.ts'
import { userPattern } from './secrets.ts'
import { durationPattern, parseDurationMs, parsePercentPpm, percentPattern } from './units.ts'

/** An object that refuses unknown keys and says which ones it knows; `missing` is said where there is none. */
export function object<Shape extends z.ZodRawShape>(shape: Shape, missing?: string) {
  return z.strictObject(shape, {
    error: issue => {
      if (issue.code === 'unrecognized_keys')
        return `unknown key ${issue.keys.map(key => `\`${key}\``).join(', ')}${allowedMark}${Object.keys(shape).join(', ')}`
      return issue.code === 'invalid_type' && issue.input === undefined ? missing : undefined
    },
  })
}

const notName = `is not a name: letters, digits, dots, dashes and underscores, at most 63${allowedMark}digits, v2, fraud-eu`
const unquoted = `is a number, not a name: write it in quotes${allowedMark}"1", v2`
const notDuration = `is not a duration${allowedMark}500ms, 30s, 10m, 1.5h, 14d`
const notPercent = `is not a percentage up to 100%, in steps of 0.0001%${allowedMark}0.01% to 100%`
const notMargin = `is not a margin${allowedMark}percentage points such as 0.5pp, a relative change such as 20%, a number in the unit of the metric`

const inherited = `cannot be a name: every object of the language that Cutover is written in has it${allowedMark}digits, v2, fraud-eu`

/** What every object inherits would be found where nothing of the name is declared. */
const isInherited = (text: string): boolean => text in Object.prototype

export const name = z
  .string({ error: ({ input }) => (typeof input === 'number' ? unquoted : notName) })
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/, notName)
  .max(63, notName)
  .refine(text => !isInherited(text), inherited)

/** What is planned from a time on ends at one that a calendar has. */
export const durationMaxMs = 3650 * 86_400_000

export const duration = z
  .string(notDuration)
  .regex(durationPattern, notDuration)
  .refine(text => (parseDurationMs(text) ?? -1) >= 0, notDuration)
  .refine(text => !((parseDurationMs(text) ?? 0) > durationMaxMs), `is too long${allowedMark}up to 3650d`)
  .meta({ description: 'A duration: 500ms, 30s, 10m, 1.5h, 14d.' })

/** A time within which something is to come, so that none at all would be a plan that can only fail. */
export const lasting = duration.refine(
  text => parseDurationMs(text) !== 0,
  `is over before anything could come of it${allowedMark}from 1ms`,
)

/** `limits.requestTimeMsMax`: a test holds it to that. */
export const requestTimeMaxMs = 86_400_000

/** A duration that becomes a timer of a request or a question. */
export const requestTime = timerFrom('1ms', 1)

/** The same where nothing needs to be waited for. */
export const requestTimeOrNone = timerFrom('0s', 0)

function timerFrom(least: string, leastMs: number) {
  const allowed = `${allowedMark}${least} to 1d`
  const msOf = (text: string) => parseDurationMs(text) ?? Number.NaN
  return duration
    .refine(text => !(msOf(text) > requestTimeMaxMs), `is too long: nobody waits so long for one answer${allowed}`)
    .refine(text => !(msOf(text) < leastMs), `is too short: nothing could be done in time${allowed}`)
}

export const percent = z
  .string(notPercent)
  .regex(percentPattern, notPercent)
  .refine(text => parsePercentPpm(text) !== null, notPercent)
  .meta({ description: 'A percentage: 0.01% to 100%.' })

export const margin = z
  .union([
    // No more digits than a double has, or they would be infinite, which no log can say.
    z.string(notMargin).regex(/^\d{1,15}(\.\d+)?(pp|%)?$/, notMargin),
    z.number(notMargin).min(0, notMargin),
  ])
  .transform(String)
  .meta({
    description:
      'The largest tolerated harm: 0.5pp (percentage points) for rates, 20% (relative) for latency; either, or a number in its own unit, for a declared metric.',
  })

/** An address on the web; `like` shows one. */
export function webAddress(like: string, what = 'an address') {
  return z.url({ protocol: /^https?$/, error: `is not ${what}${allowedMark}${like}` }).refine(...withoutUser(like))
}

/** A rule for addresses: a user and a password in one would be sent to nobody and shown to everybody. */
export function withoutUser(like: string): [(text: string) => boolean, string] {
  const message = `holds a user or a password, which are not sent and would be shown to everybody${allowedMark}${like}`
  return [text => !hasUser(text), message]
}

/** Placeholders may keep an address from being one before they are filled in. */
function hasUser(text: string): boolean {
  if (!URL.canParse(text)) return userPattern.test(text)
  const { username, password } = new URL(text)
  return username !== '' || password !== ''
}
