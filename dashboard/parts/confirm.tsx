/** A question before something that cannot be called back by closing the page. */
import { type ReactNode, useEffect, useId, useRef } from 'react'

type Props = {
  title: string
  /** On the button that does it. */
  verb: string
  danger?: boolean
  isBusy: boolean
  onConfirm(): void
  onClose(): void
  children: ReactNode
}

export function Confirm({ title, verb, danger = false, isBusy, onConfirm, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const opener = document.activeElement
    dialog.current?.showModal()
    // It is taken out of the page, not closed, after which a browser would begin at the top of the page again.
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus()
    }
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby={titleId} onClose={onClose}>
      <form
        method="dialog"
        onSubmit={event => {
          event.preventDefault()
          onConfirm()
        }}
      >
        <h2 id={titleId}>{title}</h2>
        {children}
        <div className="row end">
          <button type="button" onClick={onClose}>
            Not now
          </button>
          <button type="submit" className={danger ? 'danger' : 'primary'} disabled={isBusy}>
            {verb}
          </button>
        </div>
      </form>
    </dialog>
  )
}
