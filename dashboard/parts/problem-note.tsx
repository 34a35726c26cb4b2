/** What the server refused, in its own sentences: what is wrong, where, and what is allowed there. */
import type { AskError } from '../api/client.ts'

export function ProblemNote({ error }: { error: AskError | null }) {
  if (error === null) return null
  const { detail, problems = [], problemsNotListed = 0 } = error.problem
  return (
    <div className="note bad" role="alert">
      <p>{sentence(detail)}</p>
      {problems.length > 0 && (
        <ul>
          {problems.map(({ path, message, value, allowed }) => (
            <li key={`${path} ${message}`}>
              {path !== '' && <code>{path}</code>} {message}
              {value !== undefined && (
                <>
                  {' '}
                  (found <code>{JSON.stringify(value)}</code>)
                </>
              )}
              {allowed !== undefined && allowed.length > 0 && <>; allowed: {allowed.join(', ')}</>}
            </li>
          ))}
        </ul>
      )}
      {problemsNotListed > 0 && <p>And {problemsNotListed} more.</p>}
    </div>
  )
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(first) ? first : `${first}.`
}
