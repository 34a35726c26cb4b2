/**
 * Draws of counts, for simulations that draw sums instead of single requests. Each has the exact distribution, but where it
 * says otherwise; the time that one takes does not grow with its numbers.
 */
import { drawNormal, type Random } from './random.ts'
import { logGamma } from './special.ts'

/** Below this expected count draws are made by waiting times. */
const fewEvents = 10

/** How many of `n` independent trials, each with probability `p`, succeed. */
export function drawBinomial(random: Random, n: number, p: number): number {
  if (n <= 0 || p <= 0) return 0
  if (p >= 1) return n
  if (p > 0.5) return n - drawBinomial(random, n, 1 - p)
  return n * p < fewEvents ? binomialByWaiting(random, n, p) : binomialByRejection(random, n, p)
}

/** Waiting times between successes are geometric (Devroye, Non-Uniform Random Variate Generation, 1986, X.4.3). */
function binomialByWaiting(random: Random, n: number, p: number): number {
  const scale = Math.log1p(-p)
  let successes = 0
  for (let at = 0; ; successes += 1) {
    at += Math.floor(Math.log(1 - random.next()) / scale) + 1
    if (at > n) return successes
  }
}

/** Transformed rejection with squeeze, BTRS (Hörmann, J. Statist. Comput. Simul. 46, 1993). */
function binomialByRejection(random: Random, n: number, p: number): number {
  const spread = Math.sqrt(n * p * (1 - p))
  const b = 1.15 + 2.53 * spread
  const a = -0.0873 + 0.0248 * b + 0.01 * p
  const centre = n * p + 0.5
  const squeeze = 0.92 - 4.2 / b
  const alpha = (2.83 + 5.1 / b) * spread
  const mode = Math.floor((n + 1) * p)
  const odds = Math.log(p / (1 - p))
  for (;;) {
    const u = random.next() - 0.5
    const v = 1 - random.next()
    const us = 0.5 - Math.abs(u)
    const k = Math.floor(((2 * a) / us + b) * u + centre)
    if (us >= 0.07 && v <= squeeze) return k
    if (k < 0 || k > n) continue
    const height = logGamma(mode + 1) + logGamma(n - mode + 1)
    const accepted = height - logGamma(k + 1) - logGamma(n - k + 1) + (k - mode) * odds
    if (Math.log((v * alpha) / (a / (us * us) + b)) <= accepted) return k
  }
}

/** How many events come where `mean` are expected. */
export function drawPoisson(random: Random, mean: number): number {
  if (mean <= 0) return 0
  return mean < fewEvents ? poissonByProduct(random, mean) : poissonByRejection(random, mean)
}

function poissonByProduct(random: Random, mean: number): number {
  const floor = Math.exp(-mean)
  let events = 0
  for (let product = 1 - random.next(); product > floor; product *= 1 - random.next()) events += 1
  return events
}

/** Transformed rejection, PTRS (Hörmann, Insurance: Mathematics and Economics 12, 1993). */
function poissonByRejection(random: Random, mean: number): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean)
  const a = -0.059 + 0.02483 * b
  const inverse = 1.1239 + 1.1328 / (b - 3.4)
  const squeeze = 0.9277 - 3.6224 / (b - 2)
  for (;;) {
    const u = random.next() - 0.5
    const v = 1 - random.next()
    const us = 0.5 - Math.abs(u)
    const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43)
    if (us >= 0.07 && v <= squeeze) return k
    if (k < 0 || (us < 0.013 && v > us)) continue
    if (Math.log((v * inverse) / (a / (us * us) + b)) <= k * Math.log(mean) - mean - logGamma(k + 1)) return k
  }
}

/** How `n` draws fall among groups of these weights. */
export function drawMultinomial(random: Random, n: number, weights: readonly number[]): number[] {
  let left = n
  let weightLeft = 0
  for (const weight of weights) weightLeft += weight
  return weights.map(weight => {
    const count = weightLeft > 0 ? drawBinomial(random, left, Math.min(1, weight / weightLeft)) : 0
    left -= count
    weightLeft -= weight
    return count
  })
}

/** Sampling without replacement is drawn one by one up to so many. */
const fewSampled = 64

/**
 * How many of `sampled` items, taken without replacement from `all`, are among `marked`. Exact up to 64 sampled; beyond
 * that a normal draw with the exact mean and variance.
 */
export function drawHypergeometric(
  random: Random,
  { all, marked, sampled }: { all: number; marked: number; sampled: number },
): number {
  if (marked <= 0 || sampled <= 0) return 0
  if (marked >= all) return sampled
  if (sampled >= all) return marked
  const least = Math.max(0, sampled - (all - marked))
  const most = Math.min(marked, sampled)
  if (sampled > fewSampled) {
    const share = marked / all
    const variance = (sampled * share * (1 - share) * (all - sampled)) / Math.max(1, all - 1)
    return clamp(Math.round(sampled * share + Math.sqrt(variance) * drawNormal(random)), least, most)
  }
  let found = 0
  for (let taken = 0; taken < sampled; taken += 1) if (random.next() * (all - taken) < marked - found) found += 1
  return found
}

/**
 * How many of `items` are met at least once by `draws` that each meet one of them, all alike. Exact up to 64 draws; beyond
 * that a normal draw with the mean and variance of the classical occupancy problem (Johnson & Kotz, Urn Models, 1977, 3.1).
 */
export function drawDistinct(random: Random, items: number, draws: number): number {
  if (items <= 0 || draws <= 0) return 0
  if (draws <= fewSampled) {
    let met = 0
    for (let draw = 0; draw < draws; draw += 1) if (random.next() * items >= met) met += 1
    return met
  }
  const rate = draws / items
  const missed = Math.exp(-rate)
  const variance = items * Math.max(0, missed - (1 + rate) * missed * missed)
  const mean = -items * Math.expm1(-rate)
  return clamp(Math.round(mean + Math.sqrt(variance) * drawNormal(random)), 1, Math.min(items, draws))
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value))
}
