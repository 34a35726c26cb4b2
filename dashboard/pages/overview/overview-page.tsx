import { endpointSchema } from '../../../src/contract/wire/endpoint.ts'
import { listOf, liveMs, useRead } from '../../api/reading.ts'
import { Waiting } from '../../parts/waiting.tsx'

const endpoints = listOf(endpointSchema)

export function OverviewPage() {
  const read = useRead('/api/v1/endpoints', endpoints, { everyMs: liveMs })
  return (
    <section className="page">
      <h1>Overview</h1>
      <Waiting read={read}>
        {({ items }) => (
          <ul>
            {items.map(({ name, stable }) => (
              <li key={name}>
                {name}: {stable}
              </li>
            ))}
          </ul>
        )}
      </Waiting>
    </section>
  )
}
