/** All that is watched of one version since one moment. Bounded: raw values of one reference and two windows by feature. */
import { limits } from '../../core/limits.ts'
import type { WatchEvidence, Watched } from '../../core/monitor/evidence.ts'
import { isWithin } from '../../core/period.ts'
import { type Answer, type JoinedOutcome, labelText, type Prediction } from '../../core/prediction.ts'
import { isError } from '../accumulator.ts'
import { DriftStream, type StreamValue } from './drift-stream.ts'
import { LimitWatch } from './limit-watch.ts'
import { QualityWatch } from './quality-watch.ts'

export class VersionWatch {
  #watched: Watched
  readonly #features: readonly { name: string; stream: DriftStream }[]
  readonly #answer: DriftStream | null
  readonly #quality: QualityWatch | null
  readonly #limits: readonly LimitWatch[]
  #answered = 0

  constructor(watched: Watched) {
    const { features, answer, drift, monitor } = watched
    this.#watched = watched
    this.#features =
      drift === null
        ? []
        : Object.entries(features).map(([name, { type }]) => ({
            name,
            stream: new DriftStream({ name, source: 'feature', type, spec: drift }),
          }))
    const isRead = drift !== null && answer !== null
    this.#answer = isRead ? new DriftStream({ name: 'prediction', source: 'answer', type: answer, spec: drift }) : null
    this.#quality = isRead ? new QualityWatch(drift) : null
    this.#limits = monitor === null ? [] : monitor.checks.map(check => new LimitWatch(check, monitor))
  }

  /** Whether it goes on with what is wanted now; of that, the restarts of the server may be new. */
  goesOn(wanted: Watched): boolean {
    const { version, sinceMs } = this.#watched
    const isSame = version === wanted.version && sinceMs === wanted.sinceMs
    if (isSame) this.#watched = wanted
    return isSame
  }

  /** Of those that the table sent to the version, as evidence of releases is. */
  addPrediction(prediction: Prediction): void {
    const { version } = this.#watched
    if (prediction.assigned !== version || prediction.pinned || !this.#isToCount(prediction)) return
    // The caller left before there was an answer: that tells nothing about the version.
    if (prediction.status === 0 && !prediction.failed) return
    this.#addToLimits(prediction)
    if (prediction.version !== version) return
    const { features, answer } = prediction
    for (const { name, stream } of this.#features) {
      const value = features?.[name]
      if (value !== undefined) stream.add(value, prediction)
    }
    // The first row stands for all: rows of one request are not independent.
    const value = answer?.[0]
    if (value !== undefined && isScalar(value)) this.#answer?.add(value, prediction)
  }

  /** The first label of a row counts; a correction changes nothing that was judged. */
  addOutcome({ counts, version, epoch, predictedAtMs, outcome, before, predicted }: JoinedOutcome): void {
    if (!counts || version !== this.#watched.version || !this.#isToCount({ epoch, atMs: predictedAtMs })) return
    const { label } = outcome
    if (label === null || !isScalar(label) || predicted === null || !isScalar(predicted)) return
    if ((before?.label ?? null) !== null) return
    const isWrong = labelText(label) !== labelText(predicted)
    this.#quality?.add(isWrong)
    for (const limit of this.#limits) if (limit.check.event.kind === 'wrong') limit.add(isWrong, predictedAtMs)
  }

  /** Counts at all. By the clock only within the epoch in which watching began: one that was put back would blind it until it catches up. */
  #isToCount({ epoch, atMs }: { epoch: number; atMs: number }): boolean {
    const { since, sinceMs, restarts } = this.#watched
    if (isWithin(restarts, atMs)) return false
    if (epoch !== since.epoch) return epoch > since.epoch
    return !since.isWithin || atMs > sinceMs
  }

  /** Compares at most one window: the thread that looks serves callers too. */
  read(): WatchEvidence {
    const streams = this.#streams()
    streams.some(stream => stream.compareNext())
    return {
      version: this.#watched.version,
      sinceMs: this.#watched.sinceMs,
      streams: streams.map(stream => stream.read()),
      quality: this.#quality?.read() ?? null,
      limits: this.#limits.map(limit => limit.read()),
    }
  }

  #streams(): DriftStream[] {
    return [...this.#features.map(({ stream }) => stream), ...(this.#answer === null ? [] : [this.#answer])]
  }

  #addToLimits(prediction: Prediction): void {
    const { latencyMs, atMs } = prediction
    const failed = isError(prediction)
    if (!failed) this.#answered += 1
    // The first answers are slow for reasons that pass, and errors have no latency that means anything.
    const isTimed = !failed && this.#answered > limits.warmUpAnswers
    for (const limit of this.#limits) {
      const { event } = limit.check
      if (event.kind === 'error') limit.add(failed, atMs)
      if (event.kind === 'slow' && isTimed) limit.add(latencyMs > event.maxMs, atMs)
    }
  }
}

function isScalar(value: Answer): value is Exclude<StreamValue, null> {
  return typeof value !== 'object'
}
