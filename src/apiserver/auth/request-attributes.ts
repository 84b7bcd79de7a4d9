import type { ResourcePath } from '../http/request-path.ts'
import { verbOf } from '../rest/route.ts'
import type { Attributes } from './authorize.ts'

/**
 * What a request asks for, as authorizers see it. A namespace's own requests count as requests in it, and a list or watch of one name as one for
 * that object. Source: apiserver endpoints/request/requestinfo.go.
 */
export function attributesOf(
  method: string,
  path: string,
  target: ResourcePath | undefined,
  query: URLSearchParams,
): Attributes {
  if (!target) return { verb: method.toLowerCase(), path }
  const { group, plural, subresource } = target
  const verb = verbOf(method, target.name !== undefined, query, subresource) ?? method.toLowerCase()
  const isOfNamespace = group === '' && plural === 'namespaces' && target.name !== undefined
  const namespace = isOfNamespace ? target.name : target.namespace
  const fields = equalities(query.get('fieldSelector') ?? '')
  const name = target.name ?? fields['metadata.name']
  return {
    verb,
    group,
    plural,
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(name ? { name } : {}),
    ...(query.has('fieldSelector') ? { fields } : {}),
  }
}

/** `a=b,c==d` as an object; other requirements narrow a request further and are passed over. */
export function equalities(selector: string): Readonly<Record<string, string>> {
  const pairs = selector.split(',').flatMap((part) => {
    const [, key, value] = /^([^=!\\]+)==?([^=\\]*)$/.exec(part.trim()) ?? []
    return key === undefined || value === undefined ? [] : [[key, value] as const]
  })
  return Object.fromEntries(pairs)
}
