/** Copies a text; without the right to (a page that is not secure) the text is selected instead. */
import { type RefObject, useState } from 'react'

type Props = { text: string; what: string; shown: RefObject<HTMLElement | null> }

export function CopyButton({ text, what, shown }: Props) {
  const [said, setSaid] = useState('')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      setSaid('Copied')
    } catch {
      if (shown.current !== null) getSelection()?.selectAllChildren(shown.current)
      setSaid('Selected: copy it with the keyboard')
    }
  }
  return (
    <span className="row">
      <button type="button" onClick={copy}>
        Copy {what}
      </button>
      <span className="muted" role="status">
        {said}
      </span>
    </span>
  )
}
