import { type Heard, hear } from './hear-answer.ts'
import { hearLlhttp } from './llhttp-answers.ts'

/** Fields that our reader leaves out and llhttp tells. */
const ours =
  /^(connection|keep-alive|proxy-connection|proxy-authenticate|proxy-authorization|te|trailer|transfer-encoding|upgrade|content-length|x-cutover-.*): /i

/** Where our reader is laxer than llhttp, or means something else; null where it is not. */
export function disagreement(bytes: Buffer, method: string): string | null {
  const mine = hear(bytes, method)
  if (mine.end === 'refused') return null
  const theirs = hearLlhttp(bytes.subarray(0, mine.used), method)
  if (mine.end === 'cut') return theirs.end === 'complete' ? 'we wait for more of what llhttp has in full' : null
  // We fold lengths that are the same into one, as RFC 9110, 8.6 allows; llhttp refuses these.
  if (theirs.end === 'refused' && repeatsLength(bytes)) return null
  if (theirs.end !== 'complete') return `we took what llhttp has as ${theirs.end}`
  return differenceOf(mine, theirs)
}

/** The same answer cut elsewhere must be the same answer. */
export function dependsOnCuts(bytes: Buffer, method: string, cuts: readonly number[]): string | null {
  const whole = hear(bytes, method)
  const parts = hear(bytes, method, cuts)
  if (whole.end === 'complete' || parts.end === 'complete') {
    if (whole.end !== parts.end || whole.used !== parts.used)
      return `whole ${whole.end} ${whole.used}, in parts ${parts.end} ${parts.used}`
  }
  return differenceOf(whole, parts)
}

function differenceOf(one: Heard, other: Heard): string | null {
  if (one.status !== other.status) return `status ${one.status} and ${other.status}`
  if (one.body !== other.body) return `body ${JSON.stringify(one.body)} and ${JSON.stringify(other.body)}`
  const [mine, theirs] = [kept(one), kept(other)]
  return mine === theirs ? null : `fields ${JSON.stringify(mine)} and ${JSON.stringify(theirs)}`
}

function kept({ fields }: Heard): string {
  const connection = fields.filter(line => /^connection: /i.test(line)).map(line => line.slice(12).toLowerCase())
  const hop = new Set(connection.flatMap(value => value.split(',').map(token => token.trim())))
  return fields.filter(line => !ours.test(line) && !hop.has(line.slice(0, line.indexOf(':')).toLowerCase())).join('\n')
}

function repeatsLength(bytes: Buffer): boolean {
  return (bytes.toString('latin1').match(/^content-length:/gim) ?? []).length > 1
}
