import { expect, it } from 'vitest'
import { endAll } from '../../src/main/endings.ts'

it('every part of a server ends though some fail to, and the first failure is told', async () => {
  const ended: string[] = []
  const endings = [
    () => ended.push('folder'),
    () => Promise.reject(new Error('no log')),
    async () => ended.push('recorder'),
    () => {
      throw new Error('no courier')
    },
  ]
  await expect(endAll(endings)).rejects.toThrow('no courier')
  expect(ended).toEqual(['recorder', 'folder'])
  await expect(endAll(endings)).resolves.toBeUndefined()
})
