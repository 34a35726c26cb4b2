/** An endpoint's route by the name in a path or a body. Names are plain: nothing is decoded. */
import { CutoverError } from '../core/errors.ts'
import type { Principal } from '../ports/access.ts'
import { mayKnow, refuseCall } from './authorise.ts'
import { excerpt } from './errors.ts'
import type { CompiledRoute, RouteTable } from './route.ts'

const namesListedMax = 20

/**
 * Throws forbidden for an endpoint that the caller may not call, whether or not there is one of that name; else
 * endpoint-not-found, which names those that it may call. `principal` is left out where no key is asked for.
 */
export function findRoute(
  routes: RouteTable,
  endpoint: string,
  principal: Principal | null | undefined,
): CompiledRoute {
  refuseCall(principal ?? null, endpoint)
  const route = routes.get(endpoint)
  if (route !== undefined) return route
  const names = routes.names().filter(name => mayKnow(principal, name))
  const listed = names.slice(0, namesListedMax).join(', ') + (names.length > namesListedMax ? ', …' : '')
  const known = names.length === 0 ? 'there are none yet' : `there are ${listed}`
  throw new CutoverError('endpoint-not-found', `there is no endpoint ${excerpt(endpoint)}; ${known}`)
}
