/**
 * A world to simulate a release in: how much traffic there is and when, whose it is, what each version does with it, and how
 * late what is known of it comes. Plain data; nothing here is random yet.
 */

export type Scenario = {
  name: string
  /** A simulated release that has not ended by then counts as undecided. */
  horizonMs: number
  traffic: Traffic
  units: Units
  /** By signal as metrics name it: `label`, `reward`, `metrics.NAME`; `any` for those that are not named. */
  feedback: { any: Feedback; named: Readonly<Record<string, Feedback>> }
  versions: Readonly<Record<string, Behaviour>>
  /** When somebody approves what waits for it; null for nobody. */
  approvalAfterMs: number | null
}

export type Traffic = {
  /** Mean over a week. */
  perSecond: number
  /** By hour of the day, as shares of the mean; 24 of them. */
  hourly: readonly number[]
  /** Saturday and Sunday, as a share of a weekday. */
  weekend: number
  /** When the release starts: hours since Monday, 0:00. */
  startHour: number
  /** Share of the requests that a release with a `match` is about. */
  matched: number
}

export type Units = {
  /** Units that come again and again; each request of theirs is of any of them alike. */
  regulars: number
  /** Share of the requests that are of regulars; the others are of units that come once. */
  returning: number
}

export type Feedback = {
  /** Share of the answered requests (or of the units, of metrics by unit) of which it ever comes. */
  share: number
  /** A lognormal delay: its median, and the standard deviation of its logarithm; no delay where the median is 0. */
  medianMs: number
  spread: number
}

/** What a version does. Shares of what it is given. */
export type Behaviour = {
  /** From its start; null never comes up. */
  readyAfterMs: number | null
  errorRate: number
  latency: Lognormal
  /** Right among labelled answers; null where no check needs it. */
  accuracy: number | null
  /** Answers like those of the stable version to the same requests; null where accuracy is to tell it. */
  agreement: number | null
  /** Signals come for another share of its answers. */
  feedbackShare: number | null
  metrics: Readonly<Record<string, MetricDraw>>
}

export type Lognormal = { median: number; sigma: number }

/** What one row, or one unit of a metric by unit, contributes. */
export type MetricDraw =
  /** Yes in this share. */
  | { kind: 'rate'; rate: number }
  /** A number; `gamma` is skewed to the right and above 0. `explained`: of its variance, by a covariate. */
  | { kind: 'value'; mean: number; deviation: number; shape: 'normal' | 'gamma'; explained: number }
  | { kind: 'quantile'; values: Lognormal }
  | { kind: 'ratio'; of: Part; per: Part }
  /** Of labelled rows: those of the metric's class, how many of them are found, how many of what is called that are. */
  | { kind: 'shares'; positives: number; precision: number; recall: number }
  /** Scores of two classes: how often one of a row of the class is above one of a row that is not. */
  | { kind: 'scores'; positives: number; auc: number }
  /** Shares of the rows by true class, then predicted class, in the order of the metric's classes; together 1. */
  | { kind: 'confusion'; shares: readonly (readonly number[])[] }

export type Part = { mean: number; deviation: number }

const hourMs = 3_600_000
const dayHours = 24
const weekHours = 7 * dayHours
const weekdays = 5

/** Requests that are expected between two moments since the start of the release. */
export function expectedRequests({ traffic }: Scenario, fromMs: number, toMs: number): number {
  let requests = 0
  for (let at = fromMs; at < toMs; ) {
    const hour = traffic.startHour + at / hourMs
    const until = Math.min(toMs, (Math.floor(hour) + 1 - traffic.startHour) * hourMs)
    // Rounding must not keep the hour from ending.
    const next = until > at ? until : Math.min(toMs, at + hourMs)
    requests += (traffic.perSecond * factorAt(traffic, Math.floor(hour)) * (next - at)) / 1_000
    at = next
  }
  return requests
}

/** Of the mean over a week. */
function factorAt({ hourly, weekend }: Traffic, hour: number): number {
  const inWeek = ((hour % weekHours) + weekHours) % weekHours
  const isWeekend = inWeek >= weekdays * dayHours
  const meanDay = (weekdays + 2 * weekend) / 7
  return ((hourly[inWeek % dayHours] ?? 1) * (isWeekend ? weekend : 1)) / meanDay
}

export function feedbackOf({ feedback }: Scenario, signal: string): Feedback {
  return feedback.named[signal] ?? feedback.any
}
