/** Links of the documentation lead to files and sections that there are. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, resolve } from 'node:path'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const pages = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: root })
const withoutCode = (page: string) => readFileSync(join(root, page), 'utf8').replaceAll(/```.*?```/gs, '')

/** As GitHub makes them of headings. */
function anchorsOf(page: string): Set<string> {
  const headings = [...withoutCode(page).matchAll(/^#+ (.*)$/gm)].map(([, words = '']) => words)
  return new Set(
    headings.map(words =>
      words
        .replaceAll(/\]\([^)]*\)/g, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** Null where it leads somewhere. */
function fault(page: string, link: string): string | null {
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? page : normalize(join(dirname(page), path))
  if (!existsSync(join(root, target))) return `${link}: there is no ${target}`
  if (anchor === undefined || !target.endsWith('.md') || anchorsOf(target).has(anchor)) return null
  return `${link}: ${target} has no such section`
}

it('reads the pages', () => {
  expect(pages.length).toBeGreaterThan(30)
  expect(fault('README.md', 'docs/nowhere.md')).not.toBeNull()
  expect(fault('README.md', 'docs/evidence.md#nowhere')).not.toBeNull()
})

it.each(pages)('%s', page => {
  const links = [...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  const own = links.filter(link => !/^(https?|mailto):/.test(link))
  expect(own.map(link => fault(page, link)).filter(found => found !== null)).toEqual([])
})
