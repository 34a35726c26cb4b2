/** Which strategy? The same questions as `cutover advise`, and the same answer. */
import './advisor.css'
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import type { AdviceAnswers } from '../../../src/contract/advice-questions.ts'
import { adviceSchema, type WireAdvice } from '../../../src/contract/wire/advice.ts'
import { endpointSchema, type WireEndpoint } from '../../../src/contract/wire/endpoint.ts'
import { listOf } from '../../../src/contract/wire/list.ts'
import { flagsWords } from '../../../src/contract/words/advice.ts'
import { useQuestion, useRead } from '../../api/reading.ts'
import { Columns } from '../../parts/columns.tsx'
import { Field } from '../../parts/field.tsx'
import { usePageTitle } from '../../parts/page-title.ts'
import { ProblemNote } from '../../parts/problem-note.tsx'
import { Waiting } from '../../parts/waiting.tsx'
import { type Faults, factName, factValue, faultsOf, given, requestFrom, subjectOf } from './answers.ts'
import { AnswersForm } from './answers-form.tsx'
import { PlanDetail } from './plan-detail.tsx'
import { PlanRanking } from './plan-ranking.tsx'

const endpoints = listOf(endpointSchema)

export function AdvisorPage() {
  usePageTitle('Advisor')
  const read = useRead('/api/v1/endpoints', endpoints)
  const [search, setSearch] = useSearchParams()
  const items = read.data?.items ?? []
  const named = search.get('endpoint')
  // An address that names an endpoint is not answered with another one.
  const wanted = named === null ? items[0] : items.find(({ name }) => name === named)
  return (
    <section className="page">
      <div className="row spread">
        <div className="stack">
          <h1>Which strategy?</h1>
          <p className="muted">
            Every strategy, and what one release can compose of them, ranked for an endpoint and your situation.
          </p>
        </div>
        {items.length > 0 && (
          <Chooser items={items} wanted={wanted} onChoose={endpoint => setSearch({ endpoint }, { replace: true })} />
        )}
      </div>
      <Waiting read={read}>
        {() =>
          wanted === undefined ? <NoEndpoint named={named} /> : <Interview key={wanted.name} endpoint={wanted} />
        }
      </Waiting>
    </section>
  )
}

type ChooserProps = { items: readonly WireEndpoint[]; wanted: WireEndpoint | undefined; onChoose(name: string): void }

function Chooser({ items, wanted, onChoose }: ChooserProps) {
  return (
    <div className="chooser">
      <Field label="Endpoint" hint={wanted && `The stable version is ${wanted.stable}.`}>
        {labelled => (
          <select {...labelled} value={wanted?.name ?? ''} onChange={event => onChoose(event.target.value)}>
            {wanted === undefined && <option value="">Choose one</option>}
            {items.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
    </div>
  )
}

function NoEndpoint({ named }: { named: string | null }) {
  if (named !== null) return <p className="note">There is no endpoint {named}.</p>
  return (
    <p className="note">
      Advice is for an endpoint, and there is none yet: <code>cutover apply -f FILE</code> makes one.
    </p>
  )
}

/** Asked at once with no answers, so that the form can show what is known without them. */
function Interview({ endpoint }: { endpoint: WireEndpoint }) {
  const subject = subjectOf(endpoint)
  const [answers, setAnswers] = useState<AdviceAnswers>({})
  const [said, setSaid] = useState<AdviceAnswers>({})
  const [ownFaults, setOwnFaults] = useState<Faults>({})
  const { request } = requestFrom(endpoint.name, said, subject)
  const read = useQuestion({ path: '/api/v1/advise', body: request }, adviceSchema)
  const submit = () => {
    const next = given(answers, subject)
    const { faults } = requestFrom(endpoint.name, next, subject)
    setOwnFaults(faults)
    if (Object.keys(faults).length > 0) return
    setSaid(next)
    if (JSON.stringify(next) === JSON.stringify(said)) void read.refetch()
  }
  const faults = { ...faultsOf(read.error?.problem.problems ?? []), ...ownFaults }
  return (
    <div className="advisor">
      <AnswersForm
        {...{ subject, answers, faults }}
        situation={read.data?.situation ?? []}
        isBusy={read.isFetching}
        onChange={setAnswers}
        onSubmit={submit}
      />
      <div className="stack wide" aria-busy={read.isFetching}>
        <ProblemNote error={read.error} />
        {read.data === undefined && read.error === null && <p role="status">Weighing every plan…</p>}
        {read.data !== undefined && read.error === null && <AdviceView key={read.dataUpdatedAt} advice={read.data} />}
      </div>
    </div>
  )
}

function AdviceView({ advice }: { advice: WireAdvice }) {
  const { plans } = advice
  const [rank, setRank] = useState(1)
  const plan = plans.find(one => one.rank === rank)
  return (
    <>
      <PlanRanking plans={plans} shown={rank} onShow={setRank} />
      {plan !== undefined && <PlanDetail plan={plan} />}
      <Situation advice={advice} />
    </>
  )
}

function Situation({ advice }: { advice: WireAdvice }) {
  return (
    <details className="panel">
      <summary>What all of this rests on</summary>
      <div className="scroll">
        <table>
          <Columns words={['What', 'Value', 'From', 'Note']} />
          <tbody>
            {advice.situation.map(fact => (
              <tr key={fact.name}>
                <th scope="row">{factName(fact.name)}</th>
                <td>{factValue(fact)}</td>
                <td>{fact.from}</td>
                <td className="muted">{fact.note}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p>Feature flags: {flagsWords(advice)}.</p>
    </details>
  )
}
