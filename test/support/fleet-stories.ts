/** What may happen to a release that changes fleets, as stories that a property test makes up, and how each must end. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { limits } from '../../src/core/limits.ts'
import { isTerminal } from '../../src/core/state.ts'
import { calm, type Setup, untilEnded, type World } from './fleet-world.ts'

export type Happening = 'next' | 'judge' | 'pass' | 'crash' | 'pause' | 'resume' | 'abort' | 'spoil v2' | 'fail'
export type Story = readonly { what: Happening; which: number }[]

/** A promise that a world is watched for: what it may assume after a crash, and after a version broke. */
export type Watch = { check: (world: World) => void; crashed: () => void; spoiled: () => void }

const story = (days: fc.Arbitrary<Happening>): fc.Arbitrary<Story> =>
  fc.array(fc.record({ what: days, which: fc.nat(1_000) }), { maxLength: 100 })

export const calmStory = story(fc.constantFrom<Happening>('next', 'next', 'next', 'judge', 'pass'))
export const wildStory = story(
  fc.constantFrom<Happening>(
    ...(['next', 'next', 'next', 'next', 'next', 'next', 'judge', 'judge', 'pass', 'pass'] as const),
    ...(['crash', 'pause', 'resume', 'abort', 'spoil v2', 'fail'] as const),
  ),
)

/** Whatever it leaves open is for the caller to end. */
export function play(world: World, happenings: Story, watch: Watch): void {
  for (const { what, which } of happenings) {
    if (isTerminal(world.release())) return
    const choices = world.choices()
    switch (what) {
      case 'next':
        choices[which % Math.max(1, choices.length)]?.run()
        break
      case 'judge':
        world.judge('insufficient')
        break
      case 'fail':
        world.judge('fail')
        break
      case 'pass':
        world.pass(which * 100)
        break
      case 'crash':
        watch.crashed()
        world.crash()
        break
      case 'spoil v2':
        watch.spoiled()
        world.spoil('v2')
        break
      default:
        world.operate(what)
    }
  }
}

/** Ends what a wild story left open; one version serves then, whole unless it broke just as it was promoted. */
export function expectAnEnd(world: World, happenings: Story, sizes: Setup['sizes']): void {
  world.operate('resume')
  untilEnded(world)
  const winner = world.release().phase.kind === 'promoted' ? 'v2' : 'v1'
  const isBroken = winner === 'v2' && happenings.some(({ what }) => what === 'spoil v2')
  expectSole(world, winner, sizes, isBroken ? world.ready('v2') : sizes[winner])
}

/** What a release leaves behind: one version at its full size and all of the traffic, and no more to do. */
export function expectSole(world: World, version: 'v1' | 'v2', sizes: Setup['sizes'], ready = sizes[version]): void {
  calm(world)
  const other = version === 'v1' ? 'v2' : 'v1'
  expect([world.running(version), world.running(other), world.ready(version)]).toEqual([sizes[version], 0, ready])
  expect(world.applied()).toMatchObject({ weights: { [version]: limits.ppmTotal }, stable: version })
  expect(world.applied()?.gap).toBeUndefined()
  const endpoint = world.state().endpoints['digits']
  expect([endpoint?.stable, endpoint?.sizes, endpoint?.activeRelease]).toEqual([version, undefined, null])
  const told = world.commands().length
  world.pass(1e9)
  world.spoil('v2')
  calm(world)
  expect(world.commands().slice(told)).toEqual([])
}
