/** Simulated releases from the domain to the wire. */
import type { WireStudy } from '../contract/wire/simulation.ts'
import type { Study } from '../core/simulate/study.ts'

export function studyView(study: Study): WireStudy {
  const { promoted, truths, reasons, histogram, ends } = study
  return {
    ...study,
    ends: { ...ends },
    promoted: { ...promoted },
    truths: { ...truths },
    reasons: reasons.map(reason => ({ ...reason })),
    histogram: { stepMs: histogram.stepMs, promoted: [...histogram.promoted], back: [...histogram.back] },
  }
}
