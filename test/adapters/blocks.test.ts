/** Predictions in blocks: how ids are found, whoever made them and in whatever order they come. */
import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { PredictionPacker } from '../../src/adapters/packed-predictions/packer.ts'
import { Blocks } from '../../src/adapters/prediction-log/blocks.ts'
import { predictionLogMigrations } from '../../src/adapters/prediction-log/migrations.ts'
import { PredictionStore } from '../../src/adapters/prediction-log/prediction-store.ts'
import { SqliteDatabase } from '../../src/adapters/sqlite/database.ts'
import { migrate } from '../../src/adapters/sqlite/migrate.ts'
import { shadowIdOf } from '../../src/core/prediction.ts'
import { createIds } from '../../src/gateway/ids.ts'
import { aPrediction } from '../contract/samples.ts'

type Entry = { id: string; madeId: boolean; unit: string; latencyMs?: number; shadowOf?: string; version?: string }

function openStore() {
  const raw = new DatabaseSync(':memory:')
  migrate(raw, predictionLogMigrations, ':memory:')
  const database = new SqliteDatabase(raw, ':memory:')
  onTestFinished(() => database.close())
  let blocks = new Blocks(database)
  let store = new PredictionStore(database, blocks)
  return {
    database,
    /** Places of those whose id was known. */
    append(entries: readonly Entry[]): readonly number[] {
      const packer = new PredictionPacker()
      for (const { madeId, ...parts } of entries) {
        const prediction = aPrediction(parts)
        packer.add({ ...prediction, madeId }, prediction)
      }
      try {
        const { repeated } = database.transact(() => {
          const output = store.appendPredictions({ packed: packer.take(), nowMs: 0 })
          store.settle()
          return output
        })
        store.committed()
        return repeated
      } catch (error) {
        store.rolledBack()
        throw error
      }
    },
    byId: (ids: readonly string[]) => blocks.byId(ids),
    count: (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']),
    restart() {
      blocks = new Blocks(database)
      store = new PredictionStore(database, blocks)
    },
  }
}

/** Ids as the gateway makes them: the first ones that one process makes. */
function madeIds(count: number): string[] {
  const next = createIds(1_700_000_000_000)
  return Array.from({ length: count }, () => next())
}

const made = (id: string): Entry => ({ id, madeId: true, unit: `of ${id}` })
const given = (id: string): Entry => ({ id, madeId: false, unit: `given ${id}` })

/** An id as the gateway made them before what is chance was part of them. */
const stem = (id: string) => id.slice(0, 20)

/** What a caller may think of who knows how ids are counted, and not what is drawn for each. */
const guess = (id: string) => `${stem(id)}chance`

/** A third of the ids, in the middle of a block. */
const isOlder = (place: number) => place >= 10 && place < 30

describe('ids in blocks', () => {
  const ids = madeIds(60).map((id, place) => (isOlder(place) ? stem(id) : id))
  const givenId = ({ place, isGuess }: { place: number; isGuess: boolean }) => {
    const id = ids[place]
    if (id === undefined) return `caller-${place}`
    return isGuess ? guess(id) : id
  }
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('made' as const), count: fc.integer({ min: 1, max: 12 }) }) },
    // What callers give may be an id that the gateway made, or will make.
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('given' as const), place: fc.nat(70), isGuess: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'fails' as const }) },
  )

  test('each is known once, whoever made it, however late its answer came, after failures and restarts', () => {
    const delays = fc.array(fc.oneof(fc.nat(3), fc.nat(20)), { minLength: ids.length, maxLength: ids.length })
    fc.assert(
      fc.property(fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12 }), delays, (batches, delay) => {
        const store = openStore()
        const answered = ids.map((id, place) => ({ id, at: place + (delay[place] ?? 0) })).sort((a, b) => a.at - b.at)
        const known = new Map<string, string>()
        for (const batch of batches) {
          const entries: Entry[] = []
          for (const one of batch) {
            if (one.kind === 'made') entries.push(...answered.splice(0, one.count).map(({ id }) => made(id)))
            else if (one.kind === 'given') entries.push(given(givenId(one)))
            else if (one.kind === 'restart') store.restart()
            else expect(() => store.append([...entries, { ...given('x'), latencyMs: Number.NaN }])).toThrow('no number')
          }
          const repeated = entries.flatMap(({ id, unit }, place) => {
            if (known.has(id)) return [place]
            known.set(id, unit)
            return []
          })
          expect(store.append(entries)).toEqual(repeated)
        }
        const asked = [...ids, ...ids.map(guess), 'caller-60', 'caller-69', 'x']
        const found = store.byId(asked)
        const wanted = [...known].filter(([id]) => asked.includes(id))
        expect(new Map([...found].map(([id, { prediction }]) => [id, prediction.unit]))).toEqual(new Map(wanted))
      }),
      { numRuns: 200 },
    )
  })

  test('those that the gateway made need no index, but for the few that come after later ones in another block', () => {
    const store = openStore()
    const many = madeIds(3_000)
    const late = many.splice(100, 3)
    store.append(many.slice(0, 1_500).map(made))
    store.append([...late, ...many.slice(1_500)].map(made))
    expect([store.count('blocks'), store.count('scattered_ids')]).toEqual([6, 3])
    const found = store.byId([...many, ...late])
    expect(found.size).toBe(3_000)
    for (const [id, { prediction }] of found) expect([prediction.id, prediction.unit]).toEqual([id, `of ${id}`])
  })

  test('a batch with a repeated id keeps no later one from doing without the index', () => {
    const store = openStore()
    const many = madeIds(600)
    store.append([...many.slice(0, 100).map(made), given('a'), given('a')])
    const before = store.count('scattered_ids')
    store.append([...many.slice(101, 600), many[100] ?? ''].map(made))
    expect([before, store.count('scattered_ids')]).toEqual([101, 101])
  })

  test('a block takes no more than a bound of bytes, and one prediction at least', () => {
    const store = openStore()
    const many = madeIds(7).map((id, place) => ({
      ...made(id),
      unit: String(place).repeat(place === 6 ? 400_000 : 100_000),
    }))
    store.append(many)
    expect(store.count('blocks')).toBe(3)
    const found = store.byId(many.map(({ id }) => id))
    expect(many.map(({ id }) => found.get(id)?.prediction.unit)).toEqual(many.map(({ unit }) => unit))
  })

  test('of an id that nobody has, between others of a block, there is no prediction', () => {
    const store = openStore()
    const many = madeIds(9)
    store.append(many.filter((_, place) => place !== 4).map(made))
    expect(store.byId([many[4] ?? '', many[3] ?? '']).size).toBe(1)
  })

  test('a shadow is one of the champion that it names, not of what its id looks like', () => {
    const store = openStore()
    const [champion = ''] = madeIds(1)
    const shadow = { id: shadowIdOf(champion, 'v2'), shadowOf: champion, version: 'v2', madeId: false, unit: 'shadow' }
    store.append([made(champion), shadow, given(shadowIdOf(champion, 'v3')), given(`${champion}x`)])
    const shadows = new Blocks(store.database).shadows([champion])
    expect([...shadows].map(([id, found]) => [id, found.map(({ prediction }) => prediction.unit)])).toEqual([
      [champion, ['shadow']],
    ])
  })
})

test('a block that a machine with another order of bytes wrote is refused, and says so', () => {
  const store = openStore()
  store.append([given('a')])
  store.database.exec('UPDATE blocks SET format = 3 - format')
  expect(() => store.byId(['a'])).toThrow(/another order of bytes/)
})
