/** What a server answers while another one serves: that it is alive, and not ready. */
import { createListener } from '../api/listener.ts'
import type { ListenSettings } from '../config/load.ts'
import type { Certificates } from '../ports/certificates.ts'

export type Standby = { close(): Promise<void> }

/** `holder` is who serves, in words. */
export async function standBy(
  control: ListenSettings,
  { certificates, holder }: { certificates: Certificates | undefined; holder: string },
): Promise<Standby> {
  const waiting = {
    type: 'about:blank',
    title: 'Standby',
    status: 503,
    detail: `this server stands by: ${holder} serves, and this one takes over once that is gone`,
  }
  const listener = createListener(
    request =>
      new URL(request.url).pathname === '/healthz'
        ? Response.json({ status: 'ok' })
        : new Response(JSON.stringify(waiting), {
            status: 503,
            headers: { 'content-type': 'application/problem+json', 'retry-after': '1' },
          }),
    certificates,
  )
  await listener.listen(control)
  return { close: listener.close }
}
