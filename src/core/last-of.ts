/**
 * The same function, which remembers what it made last: for what is the same for many in a row, such as the fields of a
 * server's answers within a second. `make` depends on its key alone.
 */
export function lastOf<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  let last: { key: Key; value: Value } | null = null
  return key => {
    if (last === null || last.key !== key) last = { key, value: make(key) }
    return last.value
  }
}
