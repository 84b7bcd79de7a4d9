import { Readable } from 'node:stream'
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib'
import { type LinkBase, rewriteLink } from './rewrite-link.ts'

/** A longer page goes through as it is. */
const MAX_PAGE = 8 * 1024 * 1024

/** Attributes that hold a link, by element. Source: transport.go, atomsToAttrs. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
}

export const isHTML = (contentType: string) =>
  contentType.split(';', 1)[0]!.trim().toLowerCase() === 'text/html'

/** A page with its links rewritten, packed as it was. */
export async function* rewriteBody(
  body: AsyncIterable<Buffer>,
  encoding: string | undefined,
  base: LinkBase,
): AsyncGenerator<Buffer> {
  const packing = packings[encoding ?? '']
  if (!packing) return yield* body
  const plain = packing.unpack ? Readable.from(body).compose(packing.unpack()) : body
  const page = rewritePage(plain as AsyncIterable<Buffer>, base)
  yield* packing.pack
    ? (Readable.from(page).compose(packing.pack()) as AsyncIterable<Buffer>)
    : page
}

const packings: Readonly<
  Record<string, { readonly unpack?: typeof createGunzip; readonly pack?: typeof createGzip }>
> = {
  '': {},
  gzip: { unpack: createGunzip, pack: createGzip },
  deflate: { unpack: createInflateRaw as never, pack: createDeflateRaw as never },
}

async function* rewritePage(body: AsyncIterable<Buffer>, base: LinkBase): AsyncGenerator<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length <= MAX_PAGE) chunks.push(chunk)
    else {
      yield* chunks.splice(0)
      yield chunk
    }
  }
  if (length <= MAX_PAGE) yield Buffer.from(rewriteHTML(Buffer.concat(chunks).toString(), base))
}

/** A longer tag is left as it is. */
const MAX_TAG = 64 * 1024

/** Start tags whose element may hold links; everything else stays as it is, comments and scripts too. One pass, whatever the page. */
export function rewriteHTML(page: string, base: LinkBase): string {
  let done = ''
  let at = 0
  for (;;) {
    const start = page.indexOf('<', at)
    const end = start < 0 ? -1 : endOfMarkup(page, start)
    if (end < 0) return done + page.slice(at)
    const element = /^<([a-z][a-z0-9]*)/i.exec(page.slice(start, start + 32))?.[1]?.toLowerCase()
    const tag = page.slice(start, end)
    const isTag = element !== undefined && tag.length <= MAX_TAG
    done += page.slice(at, start) + (isTag ? rewriteTag(tag, element, base) : tag)
    at = end
    if (element !== 'script' && element !== 'style') continue
    const closing = new RegExp(`</${element}`, 'gi')
    closing.lastIndex = end
    const close = closing.exec(page)
    if (!close) return done + page.slice(end)
    done += page.slice(end, close.index)
    at = close.index
  }
}

/** Behind the comment or tag that begins at `start`; negative where it has no end, and so nothing behind it either. */
function endOfMarkup(page: string, start: number): number {
  if (page.startsWith('<!--', start)) {
    const end = page.indexOf('-->', start + 4)
    return end < 0 ? -1 : end + 3
  }
  if (!/[a-z/!?]/i.test(page[start + 1] ?? '')) return start + 1 // text
  let quote = ''
  for (let i = start + 1; i < page.length; i++) {
    const character = page[i]!
    if (quote !== '') quote = character === quote ? '' : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === '>') return i + 1
  }
  return -1
}

function rewriteTag(tag: string, element: string, base: LinkBase): string {
  const attributes = LINKS[element]
  if (!attributes) return tag
  return tag.replace(
    /(\s)([a-z]+)(\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi,
    (whole, space: string, name: string, equals: string, ...values: (string | undefined)[]) => {
      const link = values.slice(0, 3).find((value) => value !== undefined)
      if (link === undefined || !attributes.includes(name.toLowerCase())) return whole
      const rewritten = rewriteLink(link, base)
      return rewritten === link ? whole : `${space}${name}${equals}"${rewritten}"`
    },
  )
}
