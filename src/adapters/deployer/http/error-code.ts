/** What names an error of a socket best. Several addresses of one name fail together, with a code and no message. */
export function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
