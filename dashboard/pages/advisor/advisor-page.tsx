export function AdvisorPage() {
  return (
    <section className="page">
      <h1>Which strategy?</h1>
    </section>
  )
}
