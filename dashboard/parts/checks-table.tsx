/** The checks of one look at the evidence: what each side did, the harm with its interval beside what is tolerated. */
import type { WireCheckResult, WireJudgement } from '../../src/contract/wire/judgement.ts'
import { checksOf, evidenceWords, harmWords, sideWords, toleratedWords } from '../../src/contract/words/checks.ts'
import { VerdictBadge } from './badge.tsx'
import { Columns } from './columns.tsx'

const head = ['Check', 'Verdict', 'Candidate', 'Stable', 'Harm', '', 'Tolerated', 'Log evidence']

export function ChecksTable({ judgement }: { judgement: WireJudgement }) {
  const checks = checksOf(judgement)
  if (checks.length === 0) return null
  return (
    <>
      <Checks checks={checks} />
      <p className="muted">
        <small>
          Harm is the candidate against the stable version, worse to the right; the dashed line is what is tolerated. A
          guardrail is crossed, or a goal shown, when the log evidence reaches the number after it.
        </small>
      </p>
    </>
  )
}

function Checks({ checks }: { checks: readonly WireCheckResult[] }) {
  return (
    <div className="scroll">
      <table className="checks-table">
        <Columns words={head} />
        <tbody>
          {checks.map(check => (
            <tr key={`${check.metric} ${check.role} ${check.candidate.version}`}>
              <th scope="row">
                {check.metric}{' '}
                <small className="muted">
                  {check.role}
                  {check.dryRun && ', dry run'}
                </small>
              </th>
              <td>
                <VerdictBadge verdict={check.verdict} />
              </td>
              <td className="side">{sideWords(check, 'candidate')}</td>
              <td className="side">{sideWords(check, 'stable')}</td>
              <td>
                {harmWords(check, check.harm.estimate)}{' '}
                <small className="muted">
                  [{harmWords(check, check.harm.lower)}, {harmWords(check, check.harm.upper)}]
                </small>
              </td>
              <td>
                <HarmBar check={check} />
              </td>
              <td>{toleratedWords(check)}</td>
              <td>{evidenceWords(check)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Zero in the middle, harm to the right; the dashed line is what is tolerated. The numbers beside it say the same. */
function HarmBar({ check: { harm, margin, verdict } }: { check: WireCheckResult }) {
  const { estimate, lower, upper } = harm
  if (estimate === null || lower === null || upper === null) return null
  const reach =
    Math.max(Math.min(Math.abs(lower), 4 * margin), Math.min(Math.abs(upper), 4 * margin), margin) * 1.15 || 1
  const at = (value: number) => 60 + 55 * Math.max(-1, Math.min(1, value / reach))
  return (
    <svg className={`harm ${verdict}`} viewBox="0 0 120 20" width="120" height="20" aria-hidden="true">
      <line className="zero" x1="60" x2="60" y1="3" y2="17" />
      <line className="margin" x1={at(margin)} x2={at(margin)} y1="1" y2="19" />
      <line className="interval" x1={at(lower)} x2={at(upper)} y1="10" y2="10" />
      <circle cx={at(estimate)} cy="10" r="3.5" />
    </svg>
  )
}
