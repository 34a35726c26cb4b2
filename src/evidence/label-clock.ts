/**
 * How late the labels of an endpoint come, which predictions are old enough to be judged by them, and how many of those
 * have one. Of predictions and labels in the order of the log and nothing else: a rebuild gives the same report.
 */
import { learnedWindowMs } from '../core/label-delays.ts'
import { type DelayDistribution, delayDistribution } from '../stats/delay/delay-distribution.ts'
import { delayQuantiles, maturityAge, shareArrived } from '../stats/delay/maturity-age.ts'
import { emptyDelaySums, LabelCohorts } from './label-cohorts.ts'
import { LabelLedger, type LabelWindow } from './label-ledger.ts'

/** A learned window is the age by which this share of the labels that come have come. */
const MATURE_SHARE = 0.95

/** Cohorts begin with slots of this width and widen as time goes on. */
const SLOT_MS = 1_000

/** Pairs of an epoch and a version that are followed; predictions of more are counted as untracked and no more. */
const SERIES_MAX = 4_096

export type LabelReport = {
  /** The time that the report is about: the one asked for, or that of the newest prediction if that is later. */
  readonly atMs: number
  /** The age limit; null while it is being learned, and then nothing has matured. */
  readonly window: LabelWindow | null
  /** Delays of labels, provisional, in milliseconds; null with too few labels. */
  readonly delay: {
    readonly p50Ms: number
    readonly p90Ms: number
    readonly p99Ms: number
    /** The greatest age at which enough predictions were watched to say so. */
    readonly horizonMs: number
  } | null
  /** What would be learned now: the age by which 95 % of the labels that come have come, or why it is not known. */
  readonly maturity:
    | { readonly known: true; readonly ageMs: number; readonly labelledShare: number }
    | { readonly known: false; readonly reason: string }
  /** By epoch, then version. */
  readonly cohorts: readonly CohortReport[]
  /** Rows of predictions that were not followed because there are too many epochs. */
  readonly untracked: number
}

/** One version in one epoch, in rows of predictions. */
export type CohortReport = {
  readonly epoch: number
  readonly version: string
  readonly predicted: number
  /** Labelled at whatever age. */
  readonly labelled: number
  /** Older than the window, and labelled within it: what `compareCoverage` takes. */
  readonly matured: number
  readonly maturedLabelled: number
  /** The expected share of the labels coming within the window that have come, from 0 to 1; null while not known. */
  readonly maturity: number | null
}

type Series = { cohorts: LabelCohorts; ledger: LabelLedger | null }

/**
 * One clock follows one kind of label (or metric) of one endpoint through one release, and is made anew for the next.
 *
 * The age limit is fixed once. Declared, as `windowMs`, it holds for all predictions. Otherwise it is learned: at the
 * first moment in the order of the log at which the delays of all versions together give a maturity age, looked for
 * when a version's first prediction of a time slot comes. It then holds for the predictions made after that moment
 * only: were those counted that it was learned from, the choice and the test would rest on the same labels. What the
 * endpoint had learned by the start of the release (`delay-book`) is written down with it and declared; so nothing is
 * lost to learning.
 *
 * Memory: at most `SERIES_MAX` pairs of epoch and version, each with at most 64 cohorts by bin of delay and 64 counts of
 * young predictions. With a declared window the order in which predictions and labels come does not matter.
 */
export class LabelClock {
  readonly #slotMs: number
  readonly #epochs = new Map<number, Map<string, Series>>()
  #window: LabelWindow | null
  #seriesCount = 0
  #untracked = 0
  #newestMs = Number.NEGATIVE_INFINITY
  #firstEpoch = Number.NEGATIVE_INFINITY

  constructor({ windowMs, slotMs = SLOT_MS }: { windowMs: number | null; slotMs?: number }) {
    if (windowMs !== null && !(windowMs > 0 && Number.isFinite(windowMs)))
      throw new RangeError(`a label window must be a positive number of milliseconds; it is ${windowMs}`)
    if (!(slotMs > 0 && Number.isFinite(slotMs)))
      throw new RangeError(`a slot must be a positive number of milliseconds; it is ${slotMs}`)
    this.#slotMs = slotMs
    this.#window = windowMs === null ? null : { ageMs: windowMs, source: 'declared', afterMs: null }
  }

  /** A prediction that counts and can be labelled, with the number of its rows. */
  addPrediction({ epoch, version, atMs, rows }: { epoch: number; version: string; atMs: number; rows: number }): void {
    if (epoch < this.#firstEpoch || rows === 0) return
    const series = this.#seriesOf(epoch, version)
    if (series === null) {
      this.#untracked += rows
      return
    }
    this.#newestMs = Math.max(this.#newestMs, atMs)
    const isNewSlot = series.cohorts.addPredictions(atMs, rows)
    series.ledger?.addPredictions(atMs, rows, this.#newestMs)
    if (isNewSlot && this.#window === null) this.#learn()
  }

  /** The first label of a row of a prediction that counts. `labelledAtMs` is when it became known, not what it is about. */
  addLabel({
    epoch,
    version,
    predictedAtMs,
    labelledAtMs,
  }: {
    epoch: number
    version: string
    predictedAtMs: number
    labelledAtMs: number
  }): void {
    if (epoch < this.#firstEpoch) return
    const series = this.#seriesOf(epoch, version)
    if (series === null) return
    const delayMs = labelledAtMs - predictedAtMs
    series.cohorts.addLabel(predictedAtMs, delayMs)
    series.ledger?.addLabel(predictedAtMs, delayMs, this.#newestMs)
  }

  /** Changes nothing. Of reads at times that do not go back, none has fewer matured predictions than the one before. */
  read(nowMs: number): LabelReport {
    const atMs = Math.max(nowMs, this.#newestMs)
    const distribution = this.#distribution(atMs)
    return {
      atMs,
      window: this.#window,
      delay: delayOf(distribution),
      maturity: maturityOf(distribution),
      cohorts: this.#sorted().map(([epoch, version, series]) => ({
        epoch,
        version,
        ...countsOf(series, atMs),
        maturity: meanArrived(series.cohorts, { distribution, horizonMs: this.#window?.ageMs ?? null, atMs }),
      })),
      untracked: this.#untracked,
    }
  }

  /** Epochs before this one are needed no more; what still comes of them is ignored. */
  forget(beforeEpoch: number): void {
    this.#firstEpoch = Math.max(this.#firstEpoch, beforeEpoch)
    for (const [epoch, versions] of this.#epochs) {
      if (epoch >= beforeEpoch) continue
      this.#seriesCount -= versions.size
      this.#epochs.delete(epoch)
    }
  }

  #learn(): void {
    const maturity = maturityOf(this.#distribution(this.#newestMs))
    if (!maturity.known) return
    this.#window = { ageMs: learnedWindowMs(maturity), source: 'learned', afterMs: this.#newestMs }
    // Those that were made before are not counted, so empty ledgers are right ones.
    for (const [, , series] of this.#sorted()) series.ledger = new LabelLedger(this.#window)
  }

  #distribution(nowMs: number): DelayDistribution | null {
    const sums = emptyDelaySums()
    for (const [, , { cohorts }] of this.#sorted()) cohorts.addTo(sums, nowMs)
    const distribution = delayDistribution(sums)
    return distribution.ok ? distribution : null
  }

  #seriesOf(epoch: number, version: string): Series | null {
    const known = this.#epochs.get(epoch)?.get(version)
    if (known !== undefined) return known
    if (this.#seriesCount >= SERIES_MAX) return null
    const ledger = this.#window === null ? null : new LabelLedger(this.#window)
    const made: Series = { cohorts: new LabelCohorts(this.#slotMs), ledger }
    const versions = this.#epochs.get(epoch) ?? new Map<string, Series>()
    this.#epochs.set(epoch, versions.set(version, made))
    this.#seriesCount += 1
    return made
  }

  /** In an order that does not depend on which came first. */
  #sorted(): (readonly [epoch: number, version: string, series: Series])[] {
    return [...this.#epochs]
      .flatMap(([epoch, versions]) => [...versions].map(([version, series]) => [epoch, version, series] as const))
      .sort(([epoch, version], [other, otherVersion]) => epoch - other || (version < otherVersion ? -1 : 1))
  }
}

function countsOf({ cohorts, ledger }: Series, atMs: number) {
  const { matured, labelled } = ledger?.matured(atMs) ?? { matured: 0, labelled: 0 }
  return { predicted: cohorts.predicted, labelled: cohorts.labelled, matured, maturedLabelled: labelled }
}

/** Delays of what comes, provisional; null with too little of it. */
export function delayOf(distribution: DelayDistribution | null): LabelReport['delay'] {
  if (distribution === null) return null
  const result = delayQuantiles({ distribution, shares: [0.5, 0.9, 0.99] })
  if (!result.ok) return null
  const [p50Ms = 0, p90Ms = 0, p99Ms = 0] = result.delaysMs
  return { p50Ms, p90Ms, p99Ms, horizonMs: result.horizonMs }
}

/** What would be learned from these delays, or why nothing can be. */
export function maturityOf(distribution: DelayDistribution | null): LabelReport['maturity'] {
  if (distribution === null) return { known: false, reason: 'no prediction was watched yet' }
  const result = maturityAge({ distribution, share: MATURE_SHARE })
  if (!result.ok) return { known: false, reason: result.reason }
  return { known: true, ageMs: result.ageMs, labelledShare: result.labelledShare }
}

/** The share of labels that have come, averaged over the predictions of all cohorts. */
export function meanArrived(
  cohorts: LabelCohorts,
  { distribution, horizonMs, atMs }: { distribution: DelayDistribution | null; horizonMs: number | null; atMs: number },
): number | null {
  if (distribution === null || horizonMs === null || cohorts.predicted === 0) return null
  const slots = cohorts.ages(atMs)
  const arrived = shareArrived({ distribution, agesMs: slots.map(({ ageMs }) => ageMs), horizonMs })
  if (!arrived.ok) return null
  const sum = slots.reduce((total, { predicted }, index) => total + predicted * (arrived.shares[index] ?? 0), 0)
  return sum / cohorts.predicted
}
