/** A time of the wire, as the reader's own clock has it. */
export function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at}>{new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })}</time>
  )
}
