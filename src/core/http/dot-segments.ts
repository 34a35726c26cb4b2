/**
 * `.` and `..` as a segment (RFC 3986, 3.3), as servers understand them: also percent-encoded, between backslashes or encoded
 * slashes, and before a parameter.
 */
const dotSegment = /(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:[/\\;#]|%2f|%5c|$)/i

/** Whether some server could take a path, given with its query, for one that leads elsewhere. */
export function hasDotSegment(path: string): boolean {
  const mark = path.indexOf('?')
  return dotSegment.test(mark < 0 ? path : path.slice(0, mark))
}
