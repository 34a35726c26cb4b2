/** The dashboard as it was built: every file by the path that it is asked for by, such as /assets/index-1a2b3c.js. */
export type PageFile = { type: string; body: Uint8Array<ArrayBuffer> }

export type PageFiles = ReadonlyMap<string, PageFile>

/** What is given for the address of any page; a build without it is none. */
export const pageIndex = '/index.html'
