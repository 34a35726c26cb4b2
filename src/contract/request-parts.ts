/** Names of what is in a request or an answer. One that cannot be there would be found nowhere, and nobody would be told. */
import { z } from 'zod'
import { jsonPointerPattern } from './json-pointer.ts'
import { allowedMark } from './resource-rules.ts'

/** RFC 9110, 5.6.2; names of cookies are such tokens too (RFC 6265, 4.1.1). */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

export const headerName = z
  .string()
  .min(1)
  .max(256)
  .regex(token, `is not the name of a header${allowedMark}x-user-id, content-type`)

export const cookieName = z.string().min(1).max(256).regex(token, `is not the name of a cookie${allowedMark}session`)

export function jsonPointer(like: string) {
  return z.string().regex(jsonPointerPattern, `is not a JSON pointer${allowedMark}${like}`)
}
