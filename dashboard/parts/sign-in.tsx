/** Shown in the place of every page while the control listener asks for a key. */
import { type FormEvent, useState } from 'react'
import { keySession, signIn } from '../api/key.ts'
import { Field } from './field.tsx'
import { usePageTitle } from './page-title.ts'

export function SignIn({ onDone }: { onDone(): void }) {
  usePageTitle('Sign in')
  const [text, setText] = useState('')
  const wasRefused = keySession.current().key !== null
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (text.trim() === '') return
    signIn(text.trim())
    onDone()
  }
  return (
    <section className="page narrow">
      <h1>Sign in</h1>
      <p>
        This server asks for an API key. Reading needs the role <code>read</code>, changing anything{' '}
        <code>operate</code>: <code>cutover keys create NAME --role read</code>.
      </p>
      <form className="panel" onSubmit={submit}>
        <Field
          label="API key"
          hint="Kept in this tab until it is closed, and sent to this server alone."
          fault={
            wasRefused ? 'The server does not take the key that was sent: it is unknown, revoked or expired.' : null
          }
        >
          {labelled => (
            <input
              {...labelled}
              type="password"
              autoComplete="off"
              spellCheck={false}
              placeholder="ck_…"
              value={text}
              onChange={event => setText(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" className="primary">
          Sign in
        </button>
      </form>
    </section>
  )
}
