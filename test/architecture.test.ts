/** The table of allowed imports between the folders of src, and of the dashboard beside it, held against every file. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = resolve(import.meta.dirname, '../src')
const dashboard = resolve(import.meta.dirname, '../dashboard')

/** From a folder to the folders that it may import, besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  stats: [],
  contract: [],
  core: ['stats'],
  ports: ['core'],
  gateway: ['core', 'ports'],
  controller: ['core', 'ports'],
  evidence: ['core', 'ports', 'stats'],
  adapters: ['ports', 'core'],
  config: ['core', 'contract'],
  api: ['contract', 'controller', 'core', 'ports'],
  cli: ['contract'],
  dashboard: ['contract'],
  workers: ['core', 'ports', 'gateway', 'adapters'],
  main: [
    'stats',
    'contract',
    'core',
    'ports',
    'gateway',
    'controller',
    'evidence',
    'adapters',
    'config',
    'api',
    'cli',
    'workers',
  ],
}

/** What the pure folders must not reach for. */
const impure =
  /\bDate\.now\b|\bnew Date\(|\bMath\.random\b|\bprocess\.|\bperformance\.|\bsetTimeout\b|\bsetInterval\b|from 'node:/
const pure = ['stats', 'core']

type Source = { file: string; text: string }

function sources(folder: string): Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(file => join(folder, file))
    .filter(file => statSync(file).isFile())
    .map(file => ({ file: nameOf(file), text: readFileSync(file, 'utf8') }))
}

/** From `src`; the dashboard's files as if their folder were in it. */
function nameOf(file: string): string {
  return file.startsWith(dashboard) ? join('dashboard', relative(dashboard, file)) : relative(src, file)
}

function placeOf(name: string): string {
  return name.startsWith('dashboard/') ? resolve(dashboard, '..', name) : resolve(src, name)
}

function folderOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : file.replace(/\.ts$/, '')
}

function importsOf({ file, text }: Source): string[] {
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)]
  return found.map(match => nameOf(resolve(dirname(placeOf(file)), match[1] ?? '')))
}

function breaches(all: readonly Source[]): string[] {
  return all.flatMap(source => {
    const from = folderOf(source.file)
    const arrows = importsOf(source)
      .map(folderOf)
      .filter(to => to !== from && !(allowed[from] ?? []).includes(to))
      .map(to => `${source.file}: ${from} -> ${to}`)
    const code = source.text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    const impurity = pure.includes(from) ? (impure.exec(code)?.[0] ?? null) : null
    return impurity === null ? arrows : [...arrows, `${source.file}: uses ${impurity}`]
  })
}

/** Files that import each other, directly or around a corner. */
function cycles(all: readonly Source[]): string[] {
  const graph = new Map(all.map(source => [source.file, importsOf(source)]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (done.has(file) || path.includes(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return found
}

describe('the architecture', () => {
  const pages = sources(dashboard)
  const all = [...sources(src), ...pages.filter(({ file }) => /\.tsx?$/.test(file))]

  it('was read whole, every folder in the table', () => {
    expect(all.length).toBeGreaterThan(60)
    expect(sources(src).filter(({ file }) => !file.endsWith('.ts'))).toEqual([])
    expect(pages.filter(({ file }) => !/\.(tsx?|css|html|svg)$/.test(file))).toEqual([])
    const folders = [...new Set(all.map(({ file }) => folderOf(file)))]
    expect(folders.toSorted()).toEqual(Object.keys(allowed).toSorted())
    expect(all.flatMap(importsOf).filter(file => ![...all, ...pages].some(one => one.file === file))).toEqual([])
  })

  it('has no arrow that is not in the table, and pure folders reach for nothing impure', () => {
    expect(breaches(all)).toEqual([])
  })

  it('catches planted breaches', () => {
    const planted: Source[] = [
      { file: 'core/planted.ts', text: "import { createGateway } from '../gateway/gateway.ts'" },
      { file: 'gateway/planted.ts', text: "import type { Controller } from '../controller/controller.ts'" },
      { file: 'dashboard/pages/planted.tsx', text: "import { step } from '../../src/core/step.ts'" },
      { file: 'cli/planted.ts', text: "import { App } from '../../dashboard/app.tsx'" },
      { file: 'stats/planted.ts', text: 'export const now = Date.now()' },
    ]
    expect(breaches(planted)).toEqual([
      'core/planted.ts: core -> gateway',
      'gateway/planted.ts: gateway -> controller',
      'dashboard/pages/planted.tsx: dashboard -> core',
      'cli/planted.ts: cli -> dashboard',
      'stats/planted.ts: uses Date.now',
    ])
  })

  it('has no cycles between folders', () => {
    const folders = Object.keys(allowed).map(folder => ({
      file: folder,
      text: (allowed[folder] ?? []).map(to => `from './${to}'`).join('\n'),
    }))
    expect(cycles(folders)).toEqual([])
    expect(
      cycles([
        { file: 'a', text: "from './b'" },
        { file: 'b', text: "from './a'" },
      ]),
    ).not.toEqual([])
  })
})
