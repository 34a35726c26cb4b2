/** Evidence for judging tests, from plain counts. */
import { type EpochEvidence, emptyVersionEvidence, type VersionEvidence } from '../../src/core/evidence.ts'
import type { ReleasePlan } from '../../src/core/plan.ts'
import type { ReleaseState } from '../../src/core/state.ts'
import { releasePlan } from './releases.ts'

type Facts = Partial<Omit<VersionEvidence, 'latencyMs'>> & { latenciesMs?: readonly number[] }

export function versionEvidence({ latenciesMs = [], ...facts }: Facts): VersionEvidence {
  const evidence = { ...emptyVersionEvidence(), ...facts }
  for (const ms of latenciesMs) evidence.latencyMs.add(ms)
  return evidence
}

/** One epoch per entry: the candidate's share in percent, then what stable and candidate have seen. */
export function seen(entries: readonly { percent: number; stable: Facts; candidate: Facts }[]): EpochEvidence[] {
  return entries.map(({ stable, candidate }, index) => ({
    epoch: index + 2,
    versions: { v1: versionEvidence(stable), v2: versionEvidence(candidate) },
  }))
}

export function runningRelease(percents: readonly number[], over: Partial<ReleasePlan> = {}): ReleaseState {
  return {
    id: 'digits-1',
    plan: releasePlan(over),
    actor: 'test',
    startedAtMs: 0,
    phase: {
      kind: 'running',
      stageIndex: 0,
      stage: { kind: 'canary', stepIndex: 0, stepSinceMs: 0, awaitsApproval: false, held: false },
      paused: false,
      hold: null,
    },
    epochs: percents.map((percent, index) => ({ epoch: index + 2, candidatePpm: percent * 10_000, sinceMs: 0 })),
    exposedFromMs: 0,
    exposedToMs: null,
  }
}
