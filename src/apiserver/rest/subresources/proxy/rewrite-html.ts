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

/** Start tags whose element may hold links; everything else stays as it is, comments and scripts too. */
export function rewriteHTML(page: string, base: LinkBase): string {
  return page.replace(
    /<!--[\s\S]*?-->|<(script|style)\b([^>]*)>[\s\S]*?<\/\1\s*>|<([a-z][a-z0-9]*)\b((?:"[^"]*"|'[^']*'|[^'">])*)>/gi,
    (tag, rawElement?: string, rawAttributes?: string, element?: string) => {
      if (rawElement !== undefined) {
        const start = tag.slice(0, rawElement.length + 1 + rawAttributes!.length + 1)
        return rewriteTag(start, rawElement, base) + tag.slice(start.length)
      }
      return element === undefined ? tag : rewriteTag(tag, element, base)
    },
  )
}

function rewriteTag(tag: string, element: string, base: LinkBase): string {
  const attributes = LINKS[element.toLowerCase()]
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
