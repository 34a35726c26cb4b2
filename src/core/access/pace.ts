/**
 * A rate limit as a pure function of time: the generic cell rate algorithm (ITU-T I.371, annex A), which says the same as a
 * bucket of `burst` tokens that fills evenly, and keeps one number instead of two. The number is the time at which the
 * bucket would be full again.
 */
import type { Rate } from './api-key.ts'

/** Milliseconds until the next request may come; 0 if it may now. */
export function waitMs(fullAtMs: number, rate: Rate, nowMs: number): number {
  const perRequestMs = 1_000 / rate.perSecond
  const wait = sane(fullAtMs, rate, nowMs) + perRequestMs - rate.burst * perRequestMs - nowMs
  // What adding up leaves of a whole request is no reason to wait.
  return wait <= perRequestMs * 1e-9 ? 0 : wait
}

/** What to keep once a request has been let in. */
export function afterOne(fullAtMs: number, rate: Rate, nowMs: number): number {
  return Math.max(sane(fullAtMs, rate, nowMs), nowMs) + 1_000 / rate.perSecond
}

/** An empty bucket is as far as it goes: a clock that is set back must not lock callers out for as long. */
function sane(fullAtMs: number, { perSecond, burst }: Rate, nowMs: number): number {
  return Math.min(fullAtMs, nowMs + (burst * 1_000) / perSecond)
}
