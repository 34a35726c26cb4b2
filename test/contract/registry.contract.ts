import { describe, expect, onTestFinished, test } from 'vitest'
import type { ModelRegistry } from '../../src/ports/registries.ts'

export type RegistryHarness = {
  registry: ModelRegistry
  /** From now on this is the newest version. */
  offer(version: string): Promise<void>
  /** There is nothing to be had any more. */
  empty(): Promise<void>
  /** The registry does not answer, or not sensibly; and answers again. */
  break(): Promise<void>
  mend(): Promise<void>
  close(): Promise<void>
}

export type RegistryTraits = {
  /** Why what was put there cannot be asked for, where it cannot. */
  champion: ((harness: RegistryHarness) => Promise<string | null>) | { skipped: string }
}

/** What every model registry does, whatever keeps the models. */
export function registryContract(
  name: string,
  open: () => Promise<RegistryHarness>,
  { champion }: RegistryTraits,
): void {
  const opened = async (): Promise<RegistryHarness> => {
    const harness = await open()
    onTestFinished(() => harness.close())
    return harness
  }

  describe(`registry: ${name}`, () => {
    test('an empty one offers nothing, and says so without an error', async () => {
      const { registry } = await opened()
      expect(await registry.newest()).toBeNull()
    })

    test('what was offered last is the newest, the same however often one looks', async () => {
      const { registry, offer } = await opened()
      await offer('9')
      expect(await registry.newest()).toMatchObject({ version: '9' })
      await offer('10')
      const found = await registry.newest()
      expect(found).toMatchObject({ version: '10' })
      expect(await registry.newest()).toEqual(found)
    })

    test('one that was withdrawn is offered no more', async () => {
      const { registry, offer, empty } = await opened()
      await offer('3')
      expect(await registry.newest()).not.toBeNull()
      await empty()
      expect(await registry.newest()).toBeNull()
    })

    test('the files of a version have one place, and different versions different ones', async () => {
      const { registry, offer } = await opened()
      const places: string[] = []
      for (const version of ['1', '2']) {
        await offer(version)
        const found = await registry.newest()
        if (found === null) throw new Error('nothing is offered')
        places.push(await registry.place(found), await registry.place(found))
      }
      expect(places[0]).toBe(places[1])
      expect(places[2]).toBe(places[3])
      expect(new Set(places).size).toBe(2)
      expect(places.every(place => place.startsWith('/'))).toBe(true)
    })

    test('one that does not answer rejects in words, and is asked again with success', async () => {
      const harness = await opened()
      await harness.offer('4')
      await harness.break()
      await expect(harness.registry.newest()).rejects.toThrow(/.{10}/)
      await harness.mend()
      expect(await harness.registry.newest()).toMatchObject({ version: '4' })
    })

    test('hears twice what it was told once without harm, also of a version that is gone', async () => {
      const { registry, offer } = await opened()
      await offer('5')
      const verdict = { kind: 'verdict', release: 'r-1', version: '5', verdict: 'rolled-back', reason: 'no' } as const
      for (const version of ['5', '5', '77']) await registry.tell({ ...verdict, version })
      expect(await registry.newest()).toMatchObject({ version: '5' })
    })

    if ('skipped' in champion) test.skip(`the champion is marked (${champion.skipped})`)
    else
      test('the champion is marked, and the mark is taken away only from where it was put', async () => {
        const harness = await opened()
        const { registry, offer } = harness
        const tell = (version: string | null, was: string | null) =>
          registry.tell({ kind: 'champion', registry: name, version, was })
        await offer('6')
        await tell('6', null)
        await tell('6', null)
        expect(await champion(harness)).toBe('6')
        await tell(null, '5')
        expect(await champion(harness)).toBe('6')
        await tell(null, '6')
        await tell(null, '6')
        expect(await champion(harness)).toBeNull()
      })
  })
}
