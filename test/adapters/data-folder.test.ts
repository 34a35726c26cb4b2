import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openDataFolder } from '../../src/adapters/data-folder/data-folder.ts'
import { ownerOf } from '../../src/adapters/data-folder/owner.ts'
import { startChild } from './child.ts'
import { tempFolder } from './temp-folder.ts'

function open(path: string) {
  const folder = openDataFolder(path)
  onTestFinished(() => folder.close())
  return folder
}

function refusal(path: string): { code: string; message: string } {
  try {
    openDataFolder(path).close()
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error(`${path} was opened`)
}

test('a folder that is not there is made, for its owner alone, with its format', () => {
  const path = join(tempFolder(), 'new', 'data')
  const folder = open(path)
  expect(folder.file('events.db')).toBe(join(folder.path, 'events.db'))
  expect(readFileSync(folder.file('FORMAT'), 'utf8')).toBe('1\n')
})

test('a name that leads out of the folder is a mistake', () => {
  const folder = open(join(tempFolder(), 'data'))
  for (const name of ['', '.', '..', '../x', 'a/b']) expect(() => folder.file(name)).toThrow('not a file name')
})

test('a folder that was closed can be opened again', () => {
  const path = join(tempFolder(), 'data')
  const folder = openDataFolder(path)
  folder.close()
  folder.close()
  open(path)
})

test('a second open in the same process is refused, by another path too', () => {
  const parent = tempFolder()
  open(join(parent, 'data'))
  symlinkSync(join(parent, 'data'), join(parent, 'link'))
  expect(refusal(join(parent, 'data')).code).toBe('data-folder-locked')
  expect(refusal(join(parent, 'link')).code).toBe('data-folder-locked')
})

test('a folder that another process has is refused, saying which, whose, since when and what to do', async () => {
  const path = join(tempFolder(), 'data')
  const child = startChild('hold-folder.ts', path)
  expect(await child.lines(1)).toEqual(['open'])
  const { code, message } = refusal(path)
  expect(code).toBe('data-folder-locked')
  expect(message).toContain(path)
  expect(message).toMatch(new RegExp(`process ${child.pid} on \\S+, running since \\d{4}-\\d\\d-\\d\\dT`))
  expect(message).toContain('--data OTHER')
})

test('a refusal takes nothing from the one who has the folder', async () => {
  const path = join(tempFolder(), 'data')
  const child = startChild('hold-folder.ts', path)
  await child.lines(1)
  refusal(path)
  expect(refusal(path)).toMatchObject({ code: 'data-folder-locked', message: expect.stringContaining(`${child.pid}`) })
})

test('kill -9 frees the folder at once', async () => {
  const path = join(tempFolder(), 'data')
  const child = startChild('hold-folder.ts', path)
  await child.lines(1)
  await child.kill9()
  expect(existsSync(join(path, 'lock.json'))).toBe(true)
  open(path)
})

test('the note of a dead server does not lock, though its pid belongs to a living process now', () => {
  const path = join(tempFolder(), 'data')
  mkdirSync(path)
  const note = { pid: process.pid, host: 'here', startedAt: '2026-01-01T00:00:00.000Z' }
  writeFileSync(join(path, 'lock.json'), JSON.stringify(note))
  open(path)
})

test('an unreadable note changes the message only', async () => {
  const path = join(tempFolder(), 'data')
  const child = startChild('hold-folder.ts', path)
  await child.lines(1)
  writeFileSync(join(path, 'lock.json'), '{')
  expect(refusal(path)).toMatchObject({
    code: 'data-folder-locked',
    message: expect.stringContaining('unknown process'),
  })
})

test('a path that is a file, or below one, is no data folder', () => {
  const file = join(tempFolder(), 'file')
  writeFileSync(file, '')
  for (const path of [file, join(file, 'data')]) {
    expect(refusal(path)).toMatchObject({ code: 'data-folder-invalid', message: expect.stringContaining(path) })
  }
})

test('a path at which nothing can be made is refused, not tried for ever', () => {
  expect(refusal('/proc/cutover/data')).toMatchObject({ code: 'data-folder-invalid' })
})

test('a folder that cannot be written to is refused, saying so', async () => {
  const path = join(tempFolder(), 'data')
  mkdirSync(path)
  chmodSync(join(path, '..'), 0o755)
  chmodSync(path, 0o555)
  // The superuser may write everywhere, so somebody else has to try.
  const nobody = process.getuid?.() === 0 ? ['65534'] : []
  const child = startChild('hold-folder.ts', path, ...nobody)
  const [error = '', message] = await child.lines(2)
  expect(JSON.parse(error)).toMatchObject({ code: 'data-folder-invalid' })
  expect(message).toContain(`cannot use ${path} as data folder: it cannot be locked`)
})

test('a newer format is refused, and the folder is free again', () => {
  const path = join(tempFolder(), 'data')
  openDataFolder(path).close()
  writeFileSync(join(path, 'FORMAT'), '2\n')
  expect(refusal(path)).toMatchObject({
    code: 'data-folder-invalid',
    message: expect.stringMatching(/format 2.*up to 1/),
  })
  writeFileSync(join(path, 'FORMAT'), '1\n')
  open(path)
})

test('a format that is no number is refused, not guessed', () => {
  const path = join(tempFolder(), 'data')
  openDataFolder(path).close()
  writeFileSync(join(path, 'FORMAT'), 'one')
  expect(refusal(path)).toMatchObject({ code: 'data-folder-invalid', message: expect.stringContaining('"one"') })
})

test('a folder has the same owner at every start, and another folder has another one', () => {
  const [path, other] = [join(tempFolder(), 'data'), open(join(tempFolder(), 'data'))]
  const folder = openDataFolder(path)
  const owner = ownerOf(folder)
  folder.close()
  expect(ownerOf(open(path))).toBe(owner)
  expect(ownerOf(other)).not.toBe(owner)
})
