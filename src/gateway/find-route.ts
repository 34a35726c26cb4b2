/** An endpoint's route by the name in a path. Names are plain: nothing is decoded. */
import { CutoverError } from '../core/errors.ts'
import { excerpt } from './errors.ts'
import type { CompiledRoute, RouteTable } from './route.ts'

const namesListedMax = 20

/** Throws endpoint-not-found, which names those that exist. */
export function findRoute(routes: RouteTable, endpoint: string): CompiledRoute {
  const route = routes.get(endpoint)
  if (route !== undefined) return route
  const names = routes.names()
  const listed = names.slice(0, namesListedMax).join(', ') + (names.length > namesListedMax ? ', …' : '')
  const known = names.length === 0 ? 'there are none yet' : `there are ${listed}`
  throw new CutoverError('endpoint-not-found', `there is no endpoint ${excerpt(endpoint)}; ${known}`)
}
