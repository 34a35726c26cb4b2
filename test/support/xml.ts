/** A strict reader of the XML that reports are written in: elements, attributes, text and the five entities, nothing else. */
export type Element = {
  name: string
  attributes: Readonly<Record<string, string>>
  children: Element[]
  /** Its own, children's left out. */
  text: string
}

const token = /<\?xml [^?]*\?>|<(\/?)([A-Za-z-]+)((?:\s+[A-Za-z-]+="[^"<]*")*)\s*(\/?)>|([^<]+)/gy
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML has no place for.
const forbidden = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDFFF]/u

/** Throws at the first place where the text is not well formed. */
export function readXml(text: string): Element {
  if (forbidden.test(text)) throw new Error('a character that XML has no place for')
  const document: Element = { name: '', attributes: {}, children: [], text: '' }
  const open = [document]
  token.lastIndex = 0
  while (token.lastIndex < text.length) {
    const from = token.lastIndex
    const found = token.exec(text)
    if (found === null) throw new Error(`not well formed at ${from}: ${text.slice(from, from + 60)}`)
    take(found, open)
  }
  const [root, second] = document.children
  if (open.length !== 1 || root === undefined || second !== undefined) throw new Error('not one closed root element')
  return root
}

function take([, closes, name, attributes = '', isEmpty, text]: RegExpExecArray, open: Element[]): void {
  const parent = open.at(-1)
  if (parent === undefined) throw new Error('an element after the end')
  if (text !== undefined) parent.text += unescaped(text)
  if (name === undefined) return
  if (closes === '/') {
    if (open.pop()?.name !== name) throw new Error(`</${name}> closes another element`)
    return
  }
  const element: Element = { name, attributes: readAttributes(attributes), children: [], text: '' }
  parent.children.push(element)
  if (isEmpty !== '/') open.push(element)
}

function readAttributes(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([A-Za-z-]+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, unescaped(value)])
  const read = Object.fromEntries(pairs)
  if (Object.keys(read).length < pairs.length) throw new Error(`an attribute twice in ${text}`)
  return read
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(/&([^;]{0,10});?/g, (all, entity: string) => {
    const character = all.endsWith(';') ? entities[entity] : undefined
    if (character === undefined) throw new Error(`${all} is no entity`)
    return character
  })
}
