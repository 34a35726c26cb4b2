/** RFC 6901, but for the pointer to the whole: `~` stands in `~0` and `~1` alone. */
export const jsonPointerPattern = /^(\/([^/~]|~[01])*)+$/
