/**
 * A release as JUnit XML, which pipelines show: a test case for each stage and for each check, with its verdict, its
 * reason and its numbers. What fails the exit code fails a test case.
 */
import type { WireCheckResult, WireJudgement } from '../contract/wire/judgement.ts'
import type { WireExplanation } from '../contract/wire/release.ts'
import { stageWords } from '../contract/words/stages.ts'
import type { Outcome } from './follow.ts'
import { checkNumbers } from './release-text.ts'

type Result = 'passed' | 'failure' | 'error' | 'skipped'
type TestCase = { group: string; name: string; result: Result; kind: string; message: string; details: string }

export function junitReport(explained: WireExplanation, outcome: Outcome): string {
  const { release } = explained
  const cases = [...stageCases(explained, outcome), ...checkCases(newestJudgement(explained))]
  const count = (result: Result) => cases.filter(one => one.result === result).length
  const suite = attributes({
    name: release.id,
    tests: cases.length,
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: secondsOf(explained),
    timestamp: release.startedAt.replace(/Z$/, ''),
  })
  const facts = { endpoint: release.endpoint, from: release.from, to: release.to, actor: release.actor, outcome }
  const properties = Object.entries(facts).map(([name, value]) => `      <property${attributes({ name, value })}/>\n`)
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n  <testsuite${suite}>\n` +
    `    <properties>\n${properties.join('')}    </properties>\n` +
    `${cases.map(one => caseText(one, release.endpoint)).join('')}  </testsuite>\n</testsuites>\n`
  )
}

function stageCases({ plan, release, reached }: WireExplanation, outcome: Outcome): TestCase[] {
  const last = reached ?? -1
  return plan.stages.map((stage, index) => {
    const name = `${index + 1} ${stageWords(stage)}`
    const at = (result: Result, kind = '', message = ''): TestCase => {
      return { group: 'stage', name, result, kind, message, details: '' }
    }
    if (index < last || (outcome === 'promoted' && index === last)) return at('passed')
    // What was never reached failed in the first stage: none of the stages could be tried.
    const isWhere = outcome !== 'promoted' && index === Math.max(last, 0)
    return isWhere
      ? at(...endOf(release, outcome))
      : at('skipped', '', `not reached: the release was ${wordsOf[outcome]}`)
  })
}

const wordsOf: Readonly<Record<Outcome, string>> = {
  promoted: 'promoted before it',
  'rolled-back': 'rolled back before it',
  holding: 'holding before it',
  'timed-out': 'still under way when the wait ended',
}

function endOf({ returned, hold, state }: WireExplanation['release'], outcome: Outcome): [Result, string, string] {
  if (outcome === 'rolled-back') return ['failure', returned?.cause ?? 'rolled-back', returned?.reason ?? '']
  if (outcome === 'timed-out') return ['error', 'timed-out', hold?.reason ?? 'the wait ended before the release']
  return ['error', hold?.cause ?? state, hold?.reason ?? `the release is ${state}`]
}

/** The newest look at the evidence; a server that was restarted knows only what decided something. */
function newestJudgement({ latest, decisions }: WireExplanation): WireJudgement | null {
  return latest?.judgement ?? decisions.findLast(({ judgement }) => judgement !== null)?.judgement ?? null
}

function checkCases(judgement: WireJudgement | null): TestCase[] {
  if (judgement === null) return []
  const arms = Object.entries(judgement.arms ?? {})
  if (arms.length === 0)
    return [validityCase(judgement.validity, ''), ...judgement.checks.map(one => checkCase(one, ''))]
  return arms.flatMap(([version, arm]) => [
    validityCase(arm.validity, ` of ${version}`),
    ...arm.checks.map(one => checkCase(one, ` of ${version}`)),
  ])
}

const resultOf = {
  pass: 'passed',
  fail: 'failure',
  insufficient: 'skipped',
  invalid: 'error',
} as const satisfies Readonly<Record<WireCheckResult['verdict'], Result>>

function checkCase(check: WireCheckResult, of: string): TestCase {
  const { role, metric, verdict, reason, dryRun } = check
  // A check in dry run decides nothing, and so fails no pipeline.
  const result = dryRun && verdict !== 'pass' ? 'skipped' : resultOf[verdict]
  const name = `${metric}${of}${dryRun ? ' (dry run)' : ''}`
  return { group: role, name, result, kind: verdict, message: reason, details: checkNumbers(check) }
}

function validityCase({ verdict, reason }: WireJudgement['validity'], of: string): TestCase {
  return {
    group: 'validity',
    name: `traffic split${of}`,
    result: resultOf[verdict],
    kind: verdict,
    message: reason,
    details: '',
  }
}

function caseText({ group, name, result, kind, message, details }: TestCase, endpoint: string): string {
  const head = `    <testcase${attributes({ classname: `${endpoint}.${group}`, name })}`
  const numbers = [message, details].filter(text => text !== '').join('\n')
  if (result === 'passed')
    return numbers === ''
      ? `${head}/>\n`
      : `${head}>\n      <system-out>${escaped(numbers)}</system-out>\n    </testcase>\n`
  const type = result === 'skipped' ? {} : { type: kind }
  return `${head}>\n      <${result}${attributes({ message, ...type })}>${escaped(numbers)}</${result}>\n    </testcase>\n`
}

function secondsOf({ release, decisions }: WireExplanation): string {
  const endedAt = release.endedAt ?? decisions.at(-1)?.at ?? release.startedAt
  return (Math.max(0, Date.parse(endedAt) - Date.parse(release.startedAt)) / 1000).toFixed(3)
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value)).replace(/[\t\n\r]/g, ' ')}"`)
    .join('')
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** XML 1.0 has no place for most control characters and for halves of surrogate pairs, not even escaped. */
function escaped(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\uFFFE\uFFFF]/gu, character => ('\t\n\r'.includes(character) ? character : '\uFFFD'))
    .replace(/[&<>"']/g, character => entities[character] ?? character)
}
