/** Counts of a running trial, and the few examples that are kept of what went wrong. */
import { limits } from '../../core/limits.ts'
import type { Trial, TrialExample, TrialReport } from '../../core/trial.ts'

export class TrialTally {
  readonly #trial: Trial
  readonly #times: number[] = []
  readonly #examples: TrialExample[] = []
  #sent = 0
  #compared = 0
  #agreed = 0

  constructor(trial: Trial) {
    this.#trial = trial
  }

  get sent(): number {
    return this.#sent
  }

  get compared(): number {
    return this.#compared
  }

  get agreed(): number {
    return this.#agreed
  }

  send(): void {
    this.#sent += 1
  }

  /** Answered without an error, after this time. */
  answer(tookMs: number): void {
    this.#times.push(tookMs)
  }

  agree(): void {
    this.#compared += 1
    this.#agreed += 1
  }

  differ(example: TrialExample): void {
    this.#compared += 1
    if (this.#examples.length < limits.trialExamplesMax) this.#examples.push(shortened(example))
  }

  report(reason: string): TrialReport {
    const { id, version } = this.#trial
    const counts = { sent: this.#sent, answered: this.#times.length, compared: this.#compared, agreed: this.#agreed }
    const base = { id, version, ...counts, examples: this.#examples, reason }
    return this.#times.length === 0 ? base : { ...base, latencyMs: quantiles(this.#times) }
  }
}

function shortened({ prediction, reason, expected, answered }: TrialExample): TrialExample {
  return { prediction, reason: short(reason), expected: short(expected), answered: short(answered) }
}

function short(text: string): string {
  return text.length > limits.trialExampleChars ? `${text.slice(0, limits.trialExampleChars - 1)}…` : text
}

/** By nearest rank. */
function quantiles(times: readonly number[]): { p50: number; p95: number; p99: number } {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? 0
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}
