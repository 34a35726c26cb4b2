/** One question as a control: a choice where the contract has one, else a line of text. */
import { useId } from 'react'
import type { Question, Subject } from '../../../src/contract/advice-questions.ts'
import { Field } from '../../parts/field.tsx'

type Props = {
  question: Question
  subject: Subject
  value: string
  /** What is taken where nothing is said. */
  taken: string | null
  fault: string | null
  onChange(value: string): void
}

export function QuestionField(props: Props) {
  const { question, subject, value, taken, fault, onChange } = props
  if (question.kind !== 'text') {
    const words = question.kind === 'choice' ? question.choices : ['yes', 'no']
    return <Choice {...props} words={words} />
  }
  const among = question.among?.(subject)
  if (among !== undefined && question.many === true) return <Several {...props} words={among} />
  return (
    <Field label={question.message} hint={taken ?? undefined} fault={fault}>
      {labelled =>
        among === undefined ? (
          <input
            {...labelled}
            value={value}
            placeholder={`such as ${question.example}`}
            spellCheck={false}
            autoComplete="off"
            onChange={event => onChange(event.target.value)}
          />
        ) : (
          <select {...labelled} value={value} onChange={event => onChange(event.target.value)}>
            <option value="">Not said</option>
            {among.map(word => (
              <option key={word}>{word}</option>
            ))}
          </select>
        )
      }
    </Field>
  )
}

function Choice({ question, words, value, taken, fault, onChange }: Props & { words: readonly string[] }) {
  const name = useId()
  const options = ['', ...words]
  return (
    <Group question={question} taken={taken} fault={fault}>
      <div className="segments">
        {options.map(word => (
          <label key={word}>
            <input type="radio" name={name} checked={value === word} onChange={() => onChange(word)} />
            <span>{word === '' ? 'Not said' : word}</span>
          </label>
        ))}
      </div>
    </Group>
  )
}

function Several({ question, words, value, taken, fault, onChange }: Props & { words: readonly string[] }) {
  const chosen = value.split(',').filter(word => word !== '')
  const toggle = (word: string) => {
    const next = words.filter(one => (one === word) !== chosen.includes(one))
    onChange(next.join(','))
  }
  return (
    <Group question={question} taken={taken} fault={fault}>
      <div className="checks">
        {words.map(word => (
          <label key={word}>
            <input type="checkbox" checked={chosen.includes(word)} onChange={() => toggle(word)} />
            <span>{word}</span>
          </label>
        ))}
      </div>
    </Group>
  )
}

type GroupProps = Pick<Props, 'question' | 'taken' | 'fault'> & { children: React.ReactNode }

function Group({ question, taken, fault, children }: GroupProps) {
  const id = useId()
  return (
    <fieldset className="field" aria-describedby={`${id}-hint`} aria-invalid={fault !== null}>
      <legend>{question.message}</legend>
      {children}
      {taken !== null && (
        <small id={`${id}-hint`} className="hint">
          {taken}
        </small>
      )}
      {fault !== null && (
        <small className="fault" role="alert">
          {fault}
        </small>
      )}
    </fieldset>
  )
}
