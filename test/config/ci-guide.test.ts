import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { exitCodes } from '../../src/cli/errors.ts'
import { runCli } from '../support/run-cli.ts'

const text = readFileSync('docs/guides/ci.md', 'utf8')

function blockUnder(heading: string): unknown {
  const section = text.slice(text.indexOf(`## ${heading}`))
  return parse(/```yaml\n([\s\S]*?)```/.exec(section)?.[1] ?? '', { strict: true, uniqueKeys: true })
}

type GitHub = { on: unknown; jobs: Record<string, { 'runs-on': string; steps: { run?: string; uses?: string }[] }> }
type GitLab = Record<string, { script: string[]; artifacts: { reports: { junit: string } }; allow_failure: unknown }>

const github = blockUnder('GitHub Actions') as GitHub
const gitlab = blockUnder('GitLab') as GitLab
const githubLines = Object.values(github.jobs).flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []))
const gitlabLines = Object.values(gitlab).flatMap(({ script }) => script)

/** The flags of a line, and the command that they are of. */
const cutoverLines = [...githubLines, ...gitlabLines].filter(line => line.startsWith('cutover '))

describe('the jobs of the guide to pipelines', () => {
  it('are jobs as GitHub and GitLab read them, and both leave the report behind', () => {
    for (const { 'runs-on': machine, steps } of Object.values(github.jobs)) {
      expect(machine).toBeTypeOf('string')
      expect(steps.every(({ run, uses }) => (run === undefined) !== (uses === undefined))).toBe(true)
    }
    expect(github.on).toBeTypeOf('object')
    expect(JSON.stringify(github)).toContain('"path":"report.xml"')
    expect(gitlab['release']?.artifacts.reports.junit).toBe('report.xml')
    expect(gitlab['release']?.allow_failure).toEqual({ exit_codes: exitCodes.holds })
  })

  it('wait for the release and write the report that is kept', () => {
    for (const lines of [githubLines, gitlabLines])
      expect(lines.some(line => /cutover release .*--wait.* --junit report\.xml$/.test(line))).toBe(true)
  })

  it.each(cutoverLines)('%s has only flags that there are', async line => {
    const [, command = '', ...words] = line.split(' ')
    const { out } = await runCli([command, '--help'])
    for (const flag of words.filter(word => word.startsWith('-')))
      expect(out).toMatch(new RegExp(`(^|[ ,])${flag}[ ,]`, 'm'))
  })

  it('tell every exit code', () => {
    for (const code of Object.values(exitCodes)) expect(text).toContain(`| ${code} | `)
  })
})
