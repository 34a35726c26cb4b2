import { useParams } from 'wouter'
import { releaseSchema } from '../../../src/contract/wire/release.ts'
import { liveMs, useRead } from '../../api/reading.ts'
import { Waiting } from '../../parts/waiting.tsx'

export function ReleasePage() {
  const { id = '' } = useParams()
  const read = useRead(`/api/v1/releases/${encodeURIComponent(id)}`, releaseSchema, { everyMs: liveMs })
  return (
    <section className="page">
      <h1>{id}</h1>
      <Waiting read={read}>{release => <p>{release.state}</p>}</Waiting>
    </section>
  )
}
