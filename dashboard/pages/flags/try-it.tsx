/** What somebody would get, and which rule decides: asked of the server, for a context of one's own. */
import { type FormEvent, type ReactNode, useState } from 'react'
import { explanationSchema, type WireExplanation, type WireFlag } from '../../../src/contract/wire/flag.ts'
import { useQuestion } from '../../api/reading.ts'
import { Fact } from '../../parts/fact.tsx'
import { Field } from '../../parts/field.tsx'
import { Waiting } from '../../parts/waiting.tsx'
import { contextOfJson, contextOfPairs, type Pair, pairsOf } from './context.ts'
import { ofFlag } from './paths.ts'
import { reasonWords } from './words.ts'

type Draft = { way: 'pairs' | 'json'; pairs: readonly Pair[]; json: string }

export function TryIt({ flag }: { flag: WireFlag }) {
  const [draft, setDraft] = useState<Draft>({
    way: 'pairs',
    pairs: [{ name: 'targetingKey', value: 'ann' }],
    json: '{ "targetingKey": "ann" }',
  })
  const [asked, setAsked] = useState<Record<string, unknown> | null>(null)
  const read = readDraft(draft)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (read.context !== null) setAsked(read.context)
  }
  return (
    <section className="panel" aria-labelledby="try">
      <h2 id="try">Try it</h2>
      <form className="stack" onSubmit={submit}>
        {draft.way === 'pairs' ? (
          <Pairs pairs={draft.pairs} onChange={pairs => setDraft({ ...draft, pairs })} />
        ) : (
          <Field label="Context" fault={read.fault}>
            {labelled => (
              <textarea
                {...labelled}
                className="code"
                rows={6}
                spellCheck={false}
                value={draft.json}
                onChange={event => setDraft({ ...draft, json: event.target.value })}
              />
            )}
          </Field>
        )}
        <div className="row">
          <button type="submit" className="primary" disabled={read.context === null}>
            What would it be?
          </button>
          <button
            type="button"
            className="quiet"
            disabled={read.context === null}
            onClick={() => setDraft(other(draft))}
          >
            {draft.way === 'pairs' ? 'Write it as JSON' : 'Write it as pairs'}
          </button>
        </div>
      </form>
      {asked !== null && <Answer flag={flag} context={asked} />}
    </section>
  )
}

function readDraft({ way, pairs, json }: Draft) {
  return way === 'json' ? contextOfJson(json) : { context: contextOfPairs(pairs), fault: null }
}

/** The same context, written the other way. */
function other(draft: Draft): Draft {
  const context = readDraft(draft).context ?? {}
  return draft.way === 'pairs'
    ? { ...draft, way: 'json', json: JSON.stringify(context, null, 2) }
    : { ...draft, way: 'pairs', pairs: pairsOf(context) }
}

function Pairs({ pairs, onChange }: { pairs: readonly Pair[]; onChange(pairs: Pair[]): void }) {
  const put = (at: number, part: Partial<Pair>) =>
    onChange(pairs.map((pair, index) => (index === at ? { ...pair, ...part } : pair)))
  return (
    <fieldset>
      <legend>Context</legend>
      <div className="stack tight">
        {pairs.map(({ name, value }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a pair has no name of its own while it is written.
          <div className="pair" key={index}>
            <input
              aria-label={`Name of attribute ${index + 1}`}
              placeholder="plan"
              value={name}
              onChange={event => put(index, { name: event.target.value })}
            />
            <input
              aria-label={`Value of ${name === '' ? `attribute ${index + 1}` : name}`}
              placeholder="pro"
              value={value}
              onChange={event => put(index, { value: event.target.value })}
            />
            <button
              type="button"
              className="quiet"
              aria-label={`Without ${name === '' ? `attribute ${index + 1}` : name}`}
              onClick={() => onChange(pairs.filter((_, at) => at !== index))}
            >
              ×
            </button>
          </div>
        ))}
        <div>
          <button type="button" className="quiet" onClick={() => onChange([...pairs, { name: '', value: '' }])}>
            + Another attribute
          </button>
        </div>
      </div>
    </fieldset>
  )
}

function Answer({ flag, context }: { flag: WireFlag; context: Record<string, unknown> }) {
  const path = ofFlag(flag.name, 'evaluate')
  const read = useQuestion({ path, body: { context } }, explanationSchema)
  return (
    <div aria-live="polite" className="stack answer">
      <Waiting read={read}>{explained => <Explained explained={explained} />}</Waiting>
    </div>
  )
}

function Explained({ explained }: { explained: WireExplanation }) {
  const { value, variant, reason, errorCode, detail, decidedBy, rules, requires, bucket } = explained
  return (
    <>
      <dl className="figures">
        <Fact name="Value">
          <code>{value === undefined ? 'the value in the code' : JSON.stringify(value)}</code>
        </Fact>
        <Fact name="Variant">{variant ?? 'none'}</Fact>
        <Fact name="Decided by">{decidedBy}</Fact>
      </dl>
      <p>
        <code>{reason}</code>: {reasonWords(reason)}.
      </p>
      {errorCode !== null && (
        <p className="note bad">
          <code>{errorCode}</code>: {detail}. Callers use the value in their code.
        </p>
      )}
      {(requires.length > 0 || rules.length > 0) && (
        <ul className="bare checks-list">
          {requires.map(one => (
            <Check key={`flag ${one.flag}`} holds={one.met}>
              {one.flag} is {one.is.join(' or ')} (it is {one.variant ?? 'without a variant'})
            </Check>
          ))}
          {rules.map(({ name, fits, conditions }) => (
            <Check key={`rule ${name}`} holds={fits}>
              rule {name}
              <ul className="bare">
                {conditions.map(({ text, holds }) => (
                  <Check key={text} holds={holds}>
                    <span className="clamp-long">{text}</span>
                  </Check>
                ))}
              </ul>
            </Check>
          ))}
        </ul>
      )}
      {bucket !== null && (
        <small className="muted">
          {bucket.by} {bucket.unit} is in bucket {bucket.ppm.toLocaleString('en')} of 1,000,000, wherever it is asked.
        </small>
      )}
    </>
  )
}

function Check({ holds, children }: { holds: boolean; children: ReactNode }) {
  return (
    <li className="check" data-holds={holds}>
      <b>{holds ? 'yes' : 'no'}</b>
      <div>{children}</div>
    </li>
  )
}
