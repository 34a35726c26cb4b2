/** Another share, or one variant for everybody: by default, or where a rule fits. The server says whether it can be so. */
import { type FormEvent, useState } from 'react'
import { changeSchema } from '../../../src/contract/wire/change.ts'
import type { WireFlag } from '../../../src/contract/wire/flag.ts'
import { useWrite } from '../../api/writing.ts'
import { Field } from '../../parts/field.tsx'
import { ProblemNote } from '../../parts/problem-note.tsx'
import { ofFlag } from './paths.ts'
import { faultAt, rolloutOf, totalOf, type Written, withShare, writtenOf } from './shares.ts'
import type { Serving } from './words.ts'

type Way = 'rollout' | 'variant'
/** `revision`: of the flag as it was when the draft was begun. */
type Draft = { revision: number; rule: string; way: Way; variant: string; written: Written; note: string }

export function ServingForm({ flag }: { flag: WireFlag }) {
  const [begun, setBegun] = useState<Draft | null>(null)
  const [rule, setRule] = useState('')
  // What nobody has touched follows the flag.
  const draft = begun ?? draftOf(flag, rule)
  const write = useWrite(
    (body: object) => ({ method: 'POST', path: `${ofFlag(flag.name, 'serve')}?revision=${draft.revision}`, body }),
    changeSchema,
  )
  const change = (part: Partial<Draft>) => {
    write.reset()
    setBegun({ ...draft, ...part })
  }
  const startAnew = () => {
    write.reset()
    setBegun(null)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    write.mutate(bodyOf(draft, servingAt(flag, draft.rule)), { onSuccess: () => setBegun(null) })
  }
  const fault = (path: string) => faultAt(write.error?.problem ?? null, path)
  return (
    <section className="panel" aria-labelledby="shares">
      <h2 id="shares">Change the shares</h2>
      <form className="stack" onSubmit={submit}>
        {flag.rules.length > 0 && (
          <Field label="Where" fault={fault('rule')}>
            {labelled => (
              <select
                {...labelled}
                value={draft.rule}
                onChange={event => {
                  startAnew()
                  setRule(event.target.value)
                }}
              >
                <option value="">Where no rule fits</option>
                {flag.rules.map(({ name }) => (
                  <option key={name} value={name}>
                    Where the rule {name} fits
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        <WayChoice way={draft.way} onChange={way => change({ way })} />
        {draft.way === 'variant' ? (
          <Field label="Variant" fault={fault('variant')}>
            {labelled => (
              <select {...labelled} value={draft.variant} onChange={event => change({ variant: event.target.value })}>
                {Object.keys(flag.variants).map(name => (
                  <option key={name}>{name}</option>
                ))}
              </select>
            )}
          </Field>
        ) : (
          <Percentages draft={draft} change={change} fault={fault} />
        )}
        <Field label="Why" hint="Kept in the history; may be left out.">
          {labelled => (
            <input
              {...labelled}
              value={draft.note}
              maxLength={1_000}
              onChange={event => change({ note: event.target.value })}
            />
          )}
        </Field>
        {write.error !== null && !hasPlace(write.error.problem.problems) && <ProblemNote error={write.error} />}
        <div className="row">
          <button type="submit" className="primary" disabled={write.isPending}>
            Change
          </button>
          {begun !== null && (
            <button type="button" className="quiet" onClick={startAnew}>
              Start anew
            </button>
          )}
          <span className="muted" role="status">
            {write.data !== undefined && (write.data.action === 'unchanged' ? 'It is so already.' : 'Changed.')}
          </span>
        </div>
      </form>
    </section>
  )
}

function WayChoice({ way, onChange }: { way: Way; onChange(way: Way): void }) {
  const ways = [
    ['rollout', 'By percentage'],
    ['variant', 'One for all'],
  ] as const
  return (
    <fieldset className="field">
      <legend>How</legend>
      <div className="segments">
        {ways.map(([value, text]) => (
          <label key={value}>
            <input type="radio" name="way" checked={way === value} onChange={() => onChange(value)} />
            <span>{text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  )
}

type PercentagesProps = { draft: Draft; change(part: Partial<Draft>): void; fault(path: string): string | null }

function Percentages({ draft: { written }, change, fault }: PercentagesProps) {
  const total = totalOf(written)
  const sumFault = fault('rollout')
  return (
    <div className="stack">
      {Object.entries(written).map(([variant, text]) => (
        <Field key={variant} label={variant} fault={fault(`rollout.${variant}`)}>
          {labelled => (
            <span className="percentage">
              <input
                {...labelled}
                inputMode="decimal"
                value={text}
                onChange={event => change({ written: withShare(written, variant, event.target.value) })}
              />
              <span aria-hidden="true">%</span>
            </span>
          )}
        </Field>
      ))}
      {sumFault === null ? (
        <small className="muted">{total === null ? 'One of them is no number.' : `${total} in all`}</small>
      ) : (
        <small className="fault" role="alert">
          Together it {sumFault}
        </small>
      )}
    </div>
  )
}

function servingAt(flag: WireFlag, rule: string): Serving | null {
  return rule === '' ? flag.serving : (flag.rules.find(({ name }) => name === rule)?.serving ?? null)
}

function draftOf(flag: WireFlag, rule: string): Draft {
  const serving = servingAt(flag, rule)
  const [first = ''] = Object.keys(flag.variants)
  return {
    revision: flag.revision,
    rule,
    way: serving?.weightsPpm == null && Object.keys(flag.variants).length > 2 ? 'variant' : 'rollout',
    variant: serving?.variant ?? first,
    written: writtenOf(serving, flag.variants),
    note: '',
  }
}

function bodyOf({ rule, way, variant, written, note }: Draft, serving: Serving | null): object {
  const by = way === 'rollout' ? (serving?.by ?? null) : null
  return {
    ...(way === 'variant' ? { variant } : { rollout: rolloutOf(written) }),
    ...(by !== null && { by }),
    ...(rule !== '' && { rule }),
    ...(note.trim() !== '' && { note: note.trim() }),
  }
}

/** Problems with a field of the form are shown there. */
function hasPlace(problems: readonly { path: string }[] = []): boolean {
  return problems.some(({ path }) => /^(rollout|variant|rule)(\.|$)/.test(path))
}
