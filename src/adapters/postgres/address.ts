/** The address of a database of PostgreSQL, such as `postgres://cutover@db.internal:5432/cutover?sslmode=verify-full`. */

/** As it may stand in messages: without password and parameters. */
export function publicAddress(url: string): string {
  const { username, host, pathname } = new URL(url)
  return `postgres://${username === '' ? '' : `${username}@`}${host}${pathname}`
}
