export function FlagsPage() {
  return (
    <section className="page">
      <h1>Flags</h1>
      <p>
        Flags are kept by <code>cutover flags</code> in a terminal, and at <code>/api/v1/flags</code>.
      </p>
    </section>
  )
}
