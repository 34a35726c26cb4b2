/** The questions as a form. What the server takes by itself stands under each, and is overridden by an answer. */
import type { FormEvent } from 'react'
import {
  type AdviceAnswers,
  isAsked,
  type Question,
  type QuestionName,
  type Subject,
} from '../../../src/contract/advice-questions.ts'
import type { WireAdvice } from '../../../src/contract/wire/advice.ts'
import { asked, type Faults, given, known, takenWords } from './answers.ts'
import { QuestionField } from './question-field.tsx'

type Props = {
  subject: Subject
  answers: AdviceAnswers
  faults: Faults
  situation: WireAdvice['situation']
  isBusy: boolean
  onChange(answers: AdviceAnswers): void
  onSubmit(): void
}

export function AnswersForm({ subject, answers, faults, situation, isBusy, onChange, onSubmit }: Props) {
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onSubmit()
  }
  const said = given(answers, subject)
  const field = ([name, question]: [QuestionName, Question]) =>
    isAsked(name, said, subject) && (
      <QuestionField
        key={name}
        question={question}
        subject={subject}
        value={answers[name] ?? ''}
        taken={takenWords(situation.find(fact => fact.name === question.fact))}
        fault={faults[name] ?? null}
        onChange={value => onChange({ ...answers, [name]: value })}
      />
    )
  return (
    <form className="panel questions" onSubmit={submit} noValidate aria-label="What only you know">
      <h2>What only you know</h2>
      {asked.map(field)}
      <details open={known.some(([name]) => faults[name] !== undefined) || undefined}>
        <summary>What is measured, or taken for measured</summary>
        <div className="questions">{known.map(field)}</div>
      </details>
      <div className="row">
        <button type="submit" className="primary" disabled={isBusy}>
          Advise
        </button>
        <button type="button" className="quiet" onClick={() => onChange({})}>
          Clear
        </button>
      </div>
    </form>
  )
}
