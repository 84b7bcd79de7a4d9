import type { KindRegistry } from '#api/kinds/kind-registry.ts'
import { type Answer, JSON_TYPE, json } from '../http/answer.ts'
import { negotiateOpenAPIv2 } from '../http/media-type.ts'

const ROOT = '/openapi/v3'
const YEAR_SECONDS = 31_536_000

interface Asked {
  readonly query: URLSearchParams
  readonly accept: string | undefined
  readonly ifNoneMatch: string | undefined
  readonly kinds: KindRegistry
}

/** Answers /openapi/v2, /openapi/v3 and its documents; undefined for every other path. @throws StatusError 406 */
export async function answerOpenAPI(path: string, asked: Asked): Promise<Answer | undefined> {
  return path === '/openapi/v2' ? answerV2(asked) : answerV3(path, asked)
}

async function answerV2({ accept, ifNoneMatch, kinds }: Asked): Promise<Answer> {
  const contentType = negotiateOpenAPIv2(accept)
  const { openAPIv2 } = await import('#api/openapi/openapi-v2.ts')
  const { body, hash } = openAPIv2(contentType === JSON_TYPE ? 'json' : 'protobuf', kinds.all())
  const etag = `"${hash}"`
  const headers = { etag, vary: 'Accept, Accept-Encoding' }
  if (ifNoneMatch === etag) return { code: 304, contentType, body: '', headers }
  return { code: 200, contentType, body, headers }
}

async function answerV3(
  path: string,
  { query, ifNoneMatch, kinds }: Asked,
): Promise<Answer | undefined> {
  if (path !== ROOT && !path.startsWith(`${ROOT}/`)) return undefined
  const { openAPIv3Document, openAPIv3Index } = await import('#api/openapi/openapi-v3.ts')
  if (path === ROOT) return json(JSON.stringify(openAPIv3Index(kinds.all())))
  const document = openAPIv3Document(path.slice(ROOT.length + 1), kinds.all())
  if (!document) return undefined
  const etag = `"${document.hash}"`
  // The URL holds the hash, so what it names never changes: kubectl then asks once, not on every apply.
  const isPinned = query.get('hash') === document.hash
  const headers = {
    etag,
    vary: 'Accept, Accept-Encoding',
    ...(isPinned ? { 'cache-control': `public, max-age=${YEAR_SECONDS}, immutable` } : {}),
  }
  if (ifNoneMatch === etag) return { ...json('', 304), headers }
  return { ...json(document.json), headers }
}
