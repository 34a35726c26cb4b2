/** A release for people: where it stands, the newest look at the evidence, the story; and every number, if asked. */

import type { WireBanditNumbers, WireCheckResult, WireJudgement } from '../contract/wire/judgement.ts'
import type { WirePlan } from '../contract/wire/plan.ts'
import type { WireExplanation, WireRelease, WireReleaseSummary, WireTimelineEntry } from '../contract/wire/release.ts'
import type { WireTrial } from '../contract/wire/trial.ts'
import { checksOf, evidenceWords, harmWords, inUnit, sideWords, toleratedWords } from '../contract/words/checks.ts'
import { duration, percent, rounded } from '../contract/words/quantities.ts'
import { stageText, stageWords } from '../contract/words/stages.ts'
import { pairsText } from './pairs-text.ts'
import { type Colour, type Paint, printable, table } from './text.ts'
import { formatTimelineEntry } from './timeline.ts'

const stateColours: Readonly<Record<WireReleaseSummary['state'], Colour | null>> = {
  queued: null,
  active: null,
  holding: 'yellow',
  paused: 'yellow',
  promoted: 'green',
  'rolled-back': 'red',
}

export function releaseText(release: WireRelease, paint: Paint): string {
  const { startedAt, latest, timeline } = release
  const lines = timeline.map(line => formatTimelineEntry(line, { startedAt, output: 'text', paint }))
  const evidence = latest === null ? '' : `\nNewest look at the evidence\n${judgementText(latest.judgement)}`
  const wait = release.wait === null ? '' : fact('waits', printable(release.wait.says))
  return `${headText(release, paint)}${wait}${evidence}\nTimeline\n${lines.join('')}`
}

export function headText(release: WireReleaseSummary, paint: Paint): string {
  const { hold, returned } = release
  const stage = stageText(release)
  const detail = stage === release.state ? '' : `, ${stage}`
  const facts: [string, string | null][] = [
    ['state', `${paint(stateColours[release.state], release.state)}${detail}`],
    ['weight', `${percent(release.candidatePpm)} to ${release.to}`],
    ['waits for', release.waitsFor],
    ['holds', hold === null ? null : printable(`${hold.cause}: ${hold.reason}`)],
    ['returned', returned === null ? null : printable(`${returned.cause}: ${returned.reason}`)],
    ['downtime', release.downtimeMs === null ? null : `nobody served for ${duration(release.downtimeMs)}`],
    ['probation', release.probationUntil === null ? null : `until ${release.probationUntil}`],
    ['started', printable(`${release.startedAt} by ${release.actor}`)],
    ['ended', release.endedAt],
  ]
  const lines = facts.flatMap(([key, text]) => (text === null ? [] : [fact(key, text)]))
  const { id, endpoint, from, to } = release
  return `${printable(`Release ${id}   ${endpoint}: ${from} -> ${to}`)}\n${lines.join('')}`
}

function fact(key: string, text: string): string {
  return `  ${key.padEnd(11)} ${text}\n`
}

export function explanationText({ release, plan, decisions, latest }: WireExplanation, paint: Paint): string {
  const format = { startedAt: release.startedAt, output: 'text' as const, paint }
  const story = decisions.map(entry => `${formatTimelineEntry(entry, format)}${numbersOf(entry)}`).join('')
  const newest =
    latest === null ? '' : `\nNewest look at the evidence, at ${latest.at}\n${judgementText(latest.judgement)}`
  return `${headText(release, paint)}${planText(plan)}\nDecisions\n${story}${newest}`
}

function numbersOf({ judgement, trial }: WireTimelineEntry): string {
  return `${judgement === null ? '' : judgementText(judgement)}${trial === null ? '' : trialText(trial)}`
}

function trialText(trial: WireTrial): string {
  const { id, sent, answered, compared, agreed, latencyMs, examples } = trial
  const times = latencyMs === null ? '' : `, p50 ${rounded(latencyMs.p50)} ms, p95 ${rounded(latencyMs.p95)} ms`
  const lines = [
    `trial ${id}: ${sent} sent, ${answered} answered without error${times}, ${agreed} of ${compared} as expected`,
    ...examples.map(exampleText),
  ]
  return lines.map(line => `${indent}${printable(line)}\n`).join('')
}

function exampleText({ prediction, reason, expected, answered }: WireTrial['examples'][number]): string {
  return `  ${prediction ?? 'smoke'}: ${reason}; expected ${expected}; answered ${answered}`
}

function planText(plan: WirePlan): string {
  const told = plan.stages.flatMap(({ text }): [string, string][] => (text === undefined ? [] : [['test', text]]))
  const check = ({ metric, margin, marginUnit, alpha, bound, dryRun }: WirePlan['guardrails'][number]) => {
    const by =
      bound === null || bound.kind === 'margin'
        ? `margin ${inUnit(margin, marginUnit)}`
        : `at ${bound.kind === 'max' ? 'most' : 'least'} ${rounded(bound.value)}`
    const how = bound === null ? `alpha ${alpha}` : `${bound.failures} readings in a row`
    return `${metric} (${by}, ${how}${dryRun ? ', dry run' : ''})`
  }
  const goal = (one: WirePlan['goals'][number]) =>
    one.kind === 'no-worse' ? `no worse: ${check(one)}` : `better: ${one.metric} (alpha ${one.alpha})`
  const facts: [string, string][] = [
    ['stages', plan.stages.map(stageWords).join('; ')],
    ...told,
    ['guardrails', plan.guardrails.map(check).join(', ') || '-'],
    ['signals', plan.signals.map(check).join(', ') || '-'],
    ['goals', plan.goals.map(goal).join(', ') || '-'],
    ['minimum age', plan.minimumAgeMs === 0 ? '-' : duration(plan.minimumAgeMs)],
    ['on fail', plan.onFail],
    ['probation', plan.probationMs === 0 ? '-' : duration(plan.probationMs)],
    ...(plan.group === null ? [] : [['group', groupText(plan.group)] as [string, string]]),
    ...(plan.match.length === 0 ? [] : [['scope', plan.match.join('; ')] as [string, string]]),
    ...(plan.freeze.length === 0 ? [] : [['frozen', plan.freeze.join('; ')] as [string, string]]),
  ]
  return facts.map(([key, text]) => fact(key, printable(text))).join('')
}

function groupText({ name, endpoints }: NonNullable<WirePlan['group']>): string {
  return `${name} of ${endpoints.join(', ')}`
}

const indent = ' '.repeat(18)

export function judgementText(judgement: WireJudgement): string {
  const { version, verdict, reason, validity, goal, bandit } = judgement
  const checks = checksOf(judgement)
  const head = `${indent}${verdict}: ${printable(reason)} (version ${version} of the methods)\n`
  const goals = goal.reason === '' ? '' : `${indent}goal ${goal.verdict}: ${printable(goal.reason)}\n`
  const labels =
    validity.coverage === null
      ? ''
      : `${indent}labels of matured predictions: ${share(validity.coverage.candidate)} of the candidate, ${share(validity.coverage.stable)} of stable, log evidence ${rounded(validity.coverage.logEvidence)}\n`
  const split = `${indent}traffic split ${validity.verdict}: ${printable(validity.reason)}`
  const isSplit = validity.observed.length > 0
  const seen = !isSplit
    ? '\n'
    : ` (seen ${validity.observed.join(' : ')}, expected ${validity.expected.map(rounded).join(' : ')})\n`
  const pairs = pairsText(judgement, indent)
  const arms = bandit === null ? '' : armsTable(bandit)
  return `${head}${goals}${split}${seen}${labels}${arms}${checksTable(checks)}${checks.map(strataText).join('')}${pairs}`
}

/** Every digit of what the weights follow from, so that they can be computed again. */
function armsTable({ arms, weightsPpm, leader, evidence, context }: WireBanditNumbers): string {
  const head = ['ARM', 'REWARDS', 'N', 'MEAN', 'VARIANCE', 'CHANCE OF BEST', 'EXPECTED LOSS', 'WEIGHT']
  const rows = arms.map(({ version, rewards, n, mean, variance, chance, loss }) => [
    version === leader ? `${version} *` : version,
    String(rewards),
    String(n),
    String(mean),
    String(variance),
    chance === null ? '-' : `${rounded(chance * 100)}%`,
    loss === null ? '-' : rounded(loss),
    percent(weightsPpm[version] ?? 0),
  ])
  const known =
    evidence === null ? 'too few rewards yet' : `${rounded(evidence.log ?? 0)} of ${rounded(evidence.needed)}`
  return table(head, rows)
    .replace(/^/gm, indent)
    .trimEnd()
    .concat(
      `\n${indent}log evidence that ${printable(leader)} is the best arm: ${known}\n${contextText(context, leader)}`,
    )
}

/** Coefficients of scaled columns: what a deviation more, or a mark, is worth on each arm. */
function contextText(context: WireBanditNumbers['context'], leader: string): string {
  if (context === null) return ''
  const { rewards, chosen, leader: alone, chance, columns, fit } = context
  const better = chance === null ? 'too few rewards yet' : `better with chance ${rounded(chance * 100)}%`
  const head = `${indent}chosen by features: mean ${chosen.mean} (N ${chosen.n}) of ${rewards} rewards, ${printable(leader)} alone ${alone.mean} (N ${alone.n}): ${better}\n`
  if (fit === null) return head
  const rows = ['constant', ...columns].map((name, row) => [
    name,
    ...fit.arms.map(({ coefficients }) => rounded(coefficients[row] ?? 0)),
  ])
  return head.concat(
    table(['COLUMN', ...fit.arms.map(({ version }) => version)], rows)
      .replace(/^/gm, indent)
      .trimEnd(),
    '\n',
  )
}

function checksTable(checks: readonly WireCheckResult[]): string {
  if (checks.length === 0) return ''
  const head = ['CHECK', 'ROLE', 'VERDICT', 'CANDIDATE', 'STABLE', 'HARM', 'INTERVAL', 'TOLERATED', 'LOG EVIDENCE']
  const rows = checks.map(check => [
    check.metric,
    check.dryRun ? `${check.role} (dry run)` : check.role,
    check.verdict,
    sideWords(check, 'candidate'),
    sideWords(check, 'stable'),
    harmWords(check, check.harm.estimate),
    `[${harmWords(check, check.harm.lower)}, ${harmWords(check, check.harm.upper)}]`,
    toleratedWords(check),
    evidenceWords(check),
  ])
  return table(head, rows).replace(/^/gm, indent).trimEnd().concat('\n')
}

/** What a verdict rests on, a fact a line. */
export function checkNumbers(check: WireCheckResult): string {
  const { harm: found, alpha, minEvents, method } = check
  return [
    `candidate ${sideWords(check, 'candidate')}`,
    `stable ${sideWords(check, 'stable')}`,
    `harm ${harmWords(check, found.estimate)} [${harmWords(check, found.lower)}, ${harmWords(check, found.upper)}], tolerated ${toleratedWords(check)}`,
    `log evidence ${evidenceWords(check)}, alpha ${alpha}, at least ${minEvents} observations`,
    `by ${method}`,
  ].join('\n')
}

function strataText({ metric, method, strata, readings }: WireCheckResult): string {
  const parts = strata.map(
    ({ epoch, candidate, stable }) => `epoch ${epoch} ${stratumText(candidate)} : ${stratumText(stable)}`,
  )
  const counts = parts.length === 0 ? '' : `; ${parts.join(', ')}`
  const read =
    readings === null
      ? ''
      : `; candidate read ${readingsText(readings.candidate)}; stable read ${readingsText(readings.stable)}`
  return `${indent}${printable(`${metric} by ${method}${counts}${read}`)}\n`
}

function readingsText(readings: NonNullable<WireCheckResult['readings']>['candidate']): string {
  return readings.length === 0 ? 'nothing' : readings.map(({ value, detail }) => value ?? detail).join(', ')
}

/** Every digit, so that the verdict can be computed again. */
function stratumText(stratum: WireCheckResult['strata'][number]['candidate']): string {
  return 'n' in stratum
    ? `n ${stratum.n} mean ${stratum.mean} variance ${stratum.variance}`
    : `${stratum.events}/${stratum.trials}`
}

function share(value: number | null): string {
  return value === null ? 'none' : `${rounded(value * 100)}%`
}
