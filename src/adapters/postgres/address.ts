/** The address of a database of PostgreSQL, such as `postgres://cutover@db.internal:5432/cutover?sslmode=verify-full`. */

/** As it may stand in messages: without password and parameters. */
export function publicAddress(url: string): string {
  const { username, host, pathname } = new URL(url)
  return `postgres://${username === '' ? '' : `${username}@`}${host}${pathname}`
}

/** Without its database, and the name of that: the driver leaves escapes such as `%2F` in a path as they are. */
export function splitAddress(url: string): { server: string; database: string } {
  const server = new URL(url)
  const database = decodeURIComponent(server.pathname.slice(1))
  server.pathname = ''
  return { server: server.href, database }
}
