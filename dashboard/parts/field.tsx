/** A labelled input: the label, the control, what it means, and what is wrong with it. */
import { type ReactNode, useId } from 'react'

/** What a control needs so that its label, its hint and its fault belong to it. */
export type Labelled = { id: string; 'aria-describedby': string | undefined; 'aria-invalid': boolean }

type Props = {
  label: string
  hint?: ReactNode
  fault?: string | null
  children(labelled: Labelled): ReactNode
}

export function Field({ label, hint, fault = null, children }: Props) {
  const id = useId()
  const [hintId, faultId] = [`${id}-hint`, `${id}-fault`]
  const described = [hint === undefined ? '' : hintId, fault === null ? '' : faultId].filter(one => one !== '')
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, 'aria-describedby': described.join(' ') || undefined, 'aria-invalid': fault !== null })}
      {hint !== undefined && (
        <small id={hintId} className="hint">
          {hint}
        </small>
      )}
      {fault !== null && (
        <small id={faultId} className="fault" role="alert">
          {fault}
        </small>
      )}
    </div>
  )
}
