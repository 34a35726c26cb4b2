/** How much is measured, from the environment; what has no name there is fixed. */
import { cpus } from 'node:os'

export const settings = {
  rounds: positive('ROUNDS', 5),
  seconds: positive('SECONDS', 5),
  connections: positive('CONNECTIONS', 64),
  /** Of the memory scenario. */
  requests: positive('REQUESTS', 10_000_000),
  /** Of the streams scenario. */
  streams: positive('STREAMS', 500),
  tokensPerSecond: positive('TOKENS', 25),
  /** Of the latency scenario; half of what the slower contestant can do, if it is left out. */
  perSecond: process.env['RATE'] === undefined ? null : positive('RATE', 1),
  /** Folder for a profile of every thread of the server, written when it ends. */
  profileFolder: process.env['PROFILE'] ?? null,
} as const

/** What is measured has a core of its own; callers and model servers share the next one. */
export const gatewayCore = '0'
export const loadCore = '1'
export const allCores = `0-${cpus().length - 1}`

/** Users whose requests are sent; their hash chooses the version. */
export const users = 5_000

/** 512 bytes of JSON. */
export const requestBody = padded({ image: Array.from({ length: 64 }, (_, index) => index % 17) }, 512)
/** About 290 bytes of JSON. */
export const answerBody = padded({ label: 7, scores: Array.from({ length: 10 }, (_, index) => index / 45) }, 290)

function padded(value: object, bytes: number): string {
  const bare = JSON.stringify({ ...value, padding: '' })
  return JSON.stringify({ ...value, padding: 'x'.repeat(Math.max(0, bytes - bare.length)) })
}

function positive(name: string, fallback: number): number {
  const value = Number(process.env[name] ?? fallback)
  if (Number.isFinite(value) && value > 0) return value
  throw new Error(`${name} is a number above 0, not ${process.env[name]}`)
}
