import type { VersionSpec } from '../../../core/endpoint.ts'
import { CutoverError, type Problem } from '../../../core/errors.ts'
import { checkUpstreamTls } from '../../tls/upstream-tls.ts'
import { type AddedHeaderSpecs, AddedHeaders } from '../http/added-headers.ts'
import { startHttpReplica } from '../http/http-replica.ts'
import type { Driver } from '../replica.ts'

/** Servers that run elsewhere: each address is an instance. One that is ready makes the fleet ready. */
export function createUrlDriver(): Driver {
  return {
    readyNeeds: 'any',
    size: version => urlBackend(version).addresses.length,
    async check(version) {
      const { addresses, headers, tls } = urlBackend(version)
      if (tls !== undefined) checkUpstreamTls(tls)
      const problems = [
        ...addresses.flatMap((address, at) => addressProblems(address, `url[${at}]`)),
        ...(await headerProblems(headers)),
      ]
      if (problems.length === 0) return null
      const detail = `version "${version.name}" cannot be used: ${problems[0]?.message}`
      throw new CutoverError('invalid-resource', detail, problems)
    },
    start(plan, events) {
      const { addresses, ready, headers, provider, tls, pipelining, connections } = urlBackend(plan.version)
      const { id, clock, logger } = plan
      const address = addresses[plan.index] ?? ''
      const server = { id, address, headers, provider, tls, pipelining, connections }
      return startHttpReplica({ ...server, ready, clock, logger }, events)
    },
  }
}

function urlBackend(version: VersionSpec) {
  if (version.backend.kind === 'url') return version.backend
  throw new Error(`not a url backend: ${version.backend.kind}`)
}

/** A secret that is not there is told at once, rather than by a fleet that does not become ready. */
async function headerProblems(headers: AddedHeaderSpecs = {}): Promise<Problem[]> {
  const problem = await new AddedHeaders(headers).refresh()
  if (problem === null) return []
  return [{ path: `headers.${problem.name}`, message: problem.detail, allowed: ['one that the server can read'] }]
}

function addressProblems(address: string, path: string): Problem[] {
  const url = URL.canParse(address) ? new URL(address) : null
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && url.search === '' && url.hash === '') return []
  const message = `"${address}" is not an http or https address without query`
  return [{ path, message, value: address, allowed: ['http://host:port', 'https://host:port/path'] }]
}
