import type { VersionEvidence } from '../evidence.ts'

/** Candidate and stable in one epoch in which both served. */
export type Pair = { epoch: number; candidatePpm: number; candidate: VersionEvidence; stable: VersionEvidence }
