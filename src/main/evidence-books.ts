/** All that is added up of what the log commits: evidence of releases, windows of what is watched, delays of what becomes known. */
import { inSlices } from '../adapters/recorder/in-slices.ts'
import { regressionOf } from '../core/bandit/regression.ts'
import { watchedOf } from '../core/monitor/monitoring.ts'
import { pairingOf } from '../core/pairing.ts'
import type { ControlState } from '../core/state.ts'
import { type Accumulator, createAccumulator } from '../evidence/accumulator.ts'
import { awaitedBy, createDelayBook } from '../evidence/delay-book.ts'
import { EvidenceFeed } from '../evidence/feed.ts'
import { createWatchBook } from '../evidence/watch/watch-book.ts'
import type { Expressions } from '../ports/expressions.ts'
import type { PredictionLog } from '../ports/prediction-log.ts'
import { definitionsBy } from './definitions.ts'

type Options = {
  predictions: PredictionLog
  expressions: Expressions
  /** As it is when something is added up. */
  state(): ControlState
}

export function createEvidenceBooks({ predictions, expressions, state }: Options) {
  const definitions = definitionsBy(expressions)
  const evidence = createAccumulator({
    definitions: name => definitions(state(), name),
    learnedWindowMs: release => state().releases[release]?.plan.labelWindowMs ?? null,
    pairing: ({ release, epoch }) => pairingOf(state().releases[release], epoch),
    regression: ({ release, epoch }) => regressionOf(state().releases[release], epoch),
    restarts: release => state().releases[release]?.restarts ?? [],
  })
  const watches = createWatchBook({ watched: name => watchedOf(state().endpoints[name]) })
  const delays = createDelayBook({ awaited: awaitedBy(name => state().endpoints[name]?.spec) })
  const tell = (batch: Parameters<Accumulator['add']>[0]): void => {
    for (const book of [evidence, watches, delays]) book.add(batch)
  }
  return {
    evidence,
    feed: new EvidenceFeed({ predictions, evidence, tell, tellLive: inSlices(tell) }),
    monitoring: { watch: (name: string) => watches.read(name), delays: (name: string) => delays.read(name) },
  }
}
