/**
 * Releases of several endpoints that move or return as one: they begin together, none is promoted before all have passed,
 * probation ends for all at once, and one that goes back takes the others with it.
 */
import type { Command } from '../command.ts'
import { type ControlState, isTerminal, type ReleaseState } from '../state.ts'
import { type Draft, withDraft } from './draft.ts'
import { finishPromotion, promoteTogether } from './promotion.ts'
import { awaitsGroup, beginReturn, enterTogether } from './stages.ts'
import { isFrozen } from './waits.ts'

type Result = { state: ControlState; commands: readonly Command[] }
type Change = (draft: Draft) => Draft

/** What a group does by now, one thing at a time; null if nothing. */
export function settleGroups(state: ControlState, atMs: number): Result | null {
  for (const { activeRelease } of Object.values(state.endpoints)) {
    const release = activeRelease === null ? undefined : state.releases[activeRelease]
    if (release?.plan.group === undefined) continue
    const settled = release.members === undefined ? gather(state, release, atMs) : settle(state, release.members, atMs)
    if (settled !== null) return settled
  }
  return null
}

/** Every endpoint of the group has a release that is ready to begin: from now on they are one. */
function gather(state: ControlState, release: ReleaseState, atMs: number): Result | null {
  const group = release.plan.group
  const ready = (group?.endpoints ?? []).flatMap(name => {
    const endpoint = state.endpoints[name]
    const one = endpoint?.activeRelease == null ? undefined : state.releases[endpoint.activeRelease]
    if (endpoint === undefined || one === undefined || one.plan.group?.name !== group?.name) return []
    const isFree = one.members === undefined && awaitsGroup({ endpoint, release: one, commands: [] }, atMs)
    return isFree ? [one] : []
  })
  if (group === undefined || ready.length < group.endpoints.length) return null
  const members = ready.map(({ id }) => id)
  return each(state, ready, draft => enterTogether(draft, members, atMs))
}

function settle(state: ControlState, ids: readonly string[], atMs: number): Result | null {
  const members = ids.flatMap(id => state.releases[id] ?? [])
  const open = members.filter(one => !isTerminal(one))
  const back = members.find(({ phase }) => phase.kind === 'returning' || phase.kind === 'rolled-back')
  if (back !== undefined) return takeBack(state, open, back, atMs)
  if (members.every(one => hasPassed(one) && !isFrozen(one, atMs)))
    return each(state, members, draft => promoteTogether(draft, atMs))
  const watched = open.filter(({ phase }) => phase.kind === 'probation')
  return watched.length > 0 && probationEnds(members, atMs)
    ? each(state, watched, draft => finishPromotion(draft, atMs))
    : null
}

function hasPassed({ phase }: ReleaseState): boolean {
  return phase.kind === 'running' && phase.passed !== undefined && phase.hold?.cause === 'group' && !phase.paused
}

/** When the last one has been watched for long enough; or when one has ended, which could not be taken back any more. */
function probationEnds(members: readonly ReleaseState[], atMs: number): boolean {
  if (members.some(({ phase }) => phase.kind === 'promoted')) return true
  return members.every(({ phase }) => phase.kind === 'probation' && phase.untilMs <= atMs)
}

function takeBack(state: ControlState, open: readonly ReleaseState[], back: ReleaseState, atMs: number): Result | null {
  const others = open.filter(({ phase }) => phase.kind !== 'returning')
  if (others.length === 0) return null
  const why = back.phase.kind === 'returning' || back.phase.kind === 'rolled-back' ? back.phase.reason : ''
  const reason = `${back.plan.endpoint} of the group ${back.plan.group?.name} went back: ${why}`
  return each(state, others, draft => beginReturn(draft, 'group', reason, atMs))
}

function each(state: ControlState, releases: readonly ReleaseState[], change: Change): Result {
  return releases.reduce<Result>(
    (result, { id, plan }) => {
      const endpoint = result.state.endpoints[plan.endpoint]
      const release = result.state.releases[id]
      if (endpoint === undefined || release === undefined) return result
      const draft = change({ endpoint, release, commands: [] })
      return { state: withDraft(result.state, draft), commands: [...result.commands, ...draft.commands] }
    },
    { state, commands: [] },
  )
}
