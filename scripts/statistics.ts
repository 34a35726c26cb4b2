// Writes what is published from the docstrings of src/stats: the reference page, and the public entry that exports the
// documented methods. `node scripts/statistics.ts`; a test proves that the committed files are these.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A public function or class: one whose docstring says when to use it. */
export type Method = {
  folder: string
  file: string
  name: string
  signature: string
  /** The docstring before its tags, in paragraphs. */
  meaning: readonly string[]
  tags: Readonly<Record<string, string>>
}

/** What each folder is for, in the order of the page. */
const folders: Readonly<Record<string, string>> = {
  sequential: 'Valid at every look: tests, intervals and e-values that hold however often one looks.',
  fixed: 'Valid at one look that was planned: tests and intervals for a fixed sample.',
  planning: 'Before one starts: power, sample size, boundaries for planned looks.',
  bayes: 'Posteriors, probabilities to be better, expected losses. They do not control false alarms under peeking.',
  bandit: 'Allocation: exact probabilities of every arm, stop rules, lower bounds.',
  'off-policy': 'What another policy would have earned, from logged propensities; overlap is judged first.',
  drift: 'Whether inputs, outputs or quality have moved away from a fixed reference.',
  delay: 'Labels that come late: how late, how complete, and whether alike for both versions.',
  quality: 'How good a model is: classification, regression, ranking, agreement of two models.',
  summaries: 'Sufficient statistics that are updated one value at a time and merged.',
}

const stats = 'src/stats'
const page = 'docs/reference/statistics.md'
const entry = 'src/stats/index.ts'

export function readMethods(): Method[] {
  const unknown = readdirSync(stats, { withFileTypes: true }).filter(
    one => one.isDirectory() && one.name !== 'numerics' && folders[one.name] === undefined,
  )
  if (unknown.length > 0) throw new Error(`say what ${unknown.map(one => one.name).join(', ')} is for, in this script`)
  return Object.keys(folders).flatMap(folder => filesOf(folder).flatMap(file => methodsOf(folder, file)))
}

function filesOf(folder: string): string[] {
  return readdirSync(join(stats, folder))
    .filter(file => file.endsWith('.ts'))
    .toSorted()
}

const declaration = /\/\*\*((?:[^*]|\*(?!\/))*)\*\/\nexport (function|class|const) (\w+)/g

function methodsOf(folder: string, file: string): Method[] {
  const text = readFileSync(join(stats, folder, file), 'utf8')
  return [...text.matchAll(declaration)].flatMap((match): Method[] => {
    const [whole, doc = '', kind = '', name = ''] = match
    const { meaning, tags } = readDoc(doc)
    if (tags['use'] === undefined) return []
    const start = match.index + whole.length
    const signature = kind === 'function' ? `${name}${signatureAt(text, start)}` : name
    return [{ folder, file, name, signature, meaning, tags }]
  })
}

function readDoc(doc: string): Pick<Method, 'meaning' | 'tags'> {
  const lines = doc.split('\n').map(line => line.replace(/^\s*\*? ?/, '').trimEnd())
  const [head = '', ...tagged] = lines.join('\n').split(/^@/m)
  const tags = tagged.map(part => {
    const [, tag = '', text = ''] = /^(\w+)\s+([\s\S]*)$/.exec(part) ?? []
    return [tag, oneLine(text)] as const
  })
  const meaning = head.split(/\n\s*\n/).map(oneLine)
  return { meaning: meaning.filter(paragraph => paragraph !== ''), tags: Object.fromEntries(tags) }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/** From the opening bracket to the body. */
function signatureAt(text: string, start: number): string {
  let depth = 0
  for (let index = start; index < text.length; index += 1) {
    const char = text[index] ?? ''
    if ('([{<'.includes(char)) {
      // A brace outside all brackets, after the result's type, is the body; one after a colon is a type.
      if (char === '{' && depth === 0 && !/[:|&]\s*$/.test(text.slice(start, index)))
        return text.slice(start, index).trim()
      depth += 1
    } else if (')]}'.includes(char) || (char === '>' && text[index - 1] !== '=')) depth -= 1
  }
  throw new Error(`a signature without a body: ${text.slice(start, start + 80)}`)
}

export function renderPage(methods: readonly Method[]): string {
  const sections = Object.entries(folders).flatMap(([folder, purpose]) => {
    const own = methods.filter(method => method.folder === folder)
    return own.length === 0 ? [] : [`## ${folder}\n\n${purpose}\n\n${own.map(methodText).join('\n')}`]
  })
  const contents = Object.keys(folders).flatMap(folder => {
    const own = methods.filter(method => method.folder === folder)
    if (own.length === 0) return []
    const rows = own.map(({ name, tags }) => `| [\`${name}\`](#${name.toLowerCase()}) | ${cell(tags['use'] ?? '')} |`)
    return [`**${folder}**\n\n| Method | When to use it |\n| --- | --- |\n${rows.join('\n')}\n`]
  })
  return `# Statistics

Written from the docstrings by \`npm run schema\`; do not edit.

Every method is pure: no clock, no randomness that is not handed in. It returns \`{ ok: true, ... }\` with its numbers, or
\`{ ok: false, kind, reason }\`: \`invalid\` for a mistake of the caller, \`insufficient\` where the data cannot answer yet. No
NaN and no Infinity is ever among the numbers. All are exported by the package:

\`\`\`js
import { compareProportions } from 'cutover/stats'
\`\`\`

${contents.join('\n')}
${sections.join('\n')}`
}

const tagTitles: Readonly<Record<string, string>> = {
  use: 'When to use it',
  assumes: 'Assumes',
  formula: 'Formula',
  source: 'Source',
  degenerate: 'Degenerate input',
}

function methodText({ name, signature, meaning, tags, folder, file }: Method): string {
  const facts = Object.entries(tagTitles).flatMap(([tag, title]) => {
    const text = tags[tag]
    return text === undefined ? [] : [`- **${title}**: ${text}`]
  })
  const code = signature.length > name.length ? `\`\`\`ts\n${signature}\n\`\`\`\n\n` : ''
  return `### ${name}\n\n${code}${meaning.join('\n\n')}\n\n${facts.join('\n')}\n\n\`src/stats/${folder}/${file}\`\n`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

export function renderEntry(methods: readonly Method[]): string {
  const files = [...new Set(methods.map(({ folder, file }) => `${folder}/${file}`))]
  const lines = files.flatMap(path => {
    const names = valuesOf(path)
    const types = typesOf(path).map(name => `type ${name}`)
    return `export { ${[...names, ...types].join(', ')} } from './${path}'`
  })
  return `/** The statistics of Cutover as a library: every documented method. Written by \`npm run schema\`; do not edit. */
export type { Failure, Result } from './result.ts'
${lines.join('\n')}
`
}

/** Whatever a documented method's file exports belongs to it: the state to begin with, its named limits. */
function valuesOf(path: string): string[] {
  const text = readFileSync(join(stats, path), 'utf8')
  return [...text.matchAll(/^export (?:function|class|const) (\w+)/gm)].map(([, name = '']) => name)
}

function typesOf(path: string): string[] {
  const text = readFileSync(join(stats, path), 'utf8')
  return [...text.matchAll(/^export type (\w+)/gm)].map(([, name = '']) => name)
}

if (process.argv[1] === import.meta.filename) {
  const methods = readMethods()
  for (const [file, text] of [
    [page, renderPage(methods)],
    [entry, renderEntry(methods)],
  ] as const) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    console.log(`wrote ${file}: ${methods.length} methods`)
  }
}
