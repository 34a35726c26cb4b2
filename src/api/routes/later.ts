/** Parts of the public surface that have their place already and cannot be used yet. */
import { createRoute } from '@hono/zod-openapi'
import { CutoverError } from '../../core/errors.ts'
import { type App, problem } from '../route-parts.ts'

const parts = [{ name: 'advise', method: 'post' }] as const

export function registerLater(app: App): void {
  for (const { name, method } of parts) {
    const route = createRoute({
      method,
      path: `/api/v1/${name}`,
      operationId: `${method}${name}`,
      tags: ['not available yet'],
      summary: 'Not available yet: answers 501',
      responses: problem,
    })
    app.openapi(route, () => {
      throw new CutoverError('part-not-available', `${name} is not available yet`)
    })
  }
}
