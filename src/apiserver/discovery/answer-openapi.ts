import { type Answer, json } from '../http/answer.ts'

const ROOT = '/openapi/v3'
const YEAR_SECONDS = 31_536_000

/** Answers /openapi/v3 and its documents; undefined for every other path. */
export async function answerOpenAPI(
  path: string,
  query: URLSearchParams,
  ifNoneMatch: string | undefined,
): Promise<Answer | undefined> {
  if (path !== ROOT && !path.startsWith(`${ROOT}/`)) return undefined
  const { openAPIv3Document, openAPIv3Index } = await import('#api/openapi/openapi-v3.ts')
  if (path === ROOT) return json(JSON.stringify(openAPIv3Index()))
  const document = openAPIv3Document(path.slice(ROOT.length + 1))
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
