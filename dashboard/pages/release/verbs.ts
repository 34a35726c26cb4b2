/** Which words an operator may try on a release as it stands. The server has the last one, in a sentence. */
import type { WireReleaseSummary, wireVerbs } from '../../../src/contract/wire/release.ts'

export type Verb = (typeof wireVerbs)[number]

/** In the order of their buttons. */
export function verbsFor({ state, phase, hold }: Pick<WireReleaseSummary, 'state' | 'phase' | 'hold'>): Verb[] {
  if (state === 'promoted' || state === 'rolled-back' || phase === 'returning') return []
  const awaits = hold?.cause === 'approval' || hold?.cause === 'gate'
  if (phase !== 'running') return awaits ? ['approve', 'rollback'] : ['rollback']
  const waiting: Verb[] = state === 'paused' || state === 'holding' ? ['resume'] : []
  return [
    ...(awaits ? (['approve'] as const) : []),
    ...waiting,
    ...(state === 'paused' ? [] : (['pause'] as const)),
    'promote',
    'rollback',
  ]
}

type Ends = Pick<WireReleaseSummary, 'from' | 'to'>

/** What each does, by the names of the versions: of several candidates only one is meant. */
export const verbWords: Readonly<Record<Verb, { name: string; does: (release: Ends) => string; isGrave: boolean }>> = {
  promote: {
    name: 'Promote',
    does: ({ to }) => `${to} becomes the stable version now, whatever the evidence says.`,
    isGrave: true,
  },
  pause: {
    name: 'Pause',
    does: () => 'No step is taken until it is resumed; a breach still brings it back.',
    isGrave: false,
  },
  resume: { name: 'Resume', does: () => 'It goes on by its own rules.', isGrave: false },
  approve: { name: 'Approve', does: () => 'What it waits for is given, and it goes on.', isGrave: false },
  abort: { name: 'Abort', does: ({ from }) => `All traffic goes to ${from}.`, isGrave: true },
  rollback: {
    name: 'Roll back',
    does: ({ from }) => `All traffic goes back to ${from}, and the release ends.`,
    isGrave: true,
  },
}
