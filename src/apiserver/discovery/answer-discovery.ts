import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { type Answer, json } from '../http/answer.ts'
import { negotiateDiscovery } from '../http/media-type.ts'
import { AGGREGATED_TYPE, aggregatedDiscovery } from './aggregated.ts'
import { coreVersions, groupDocument, groupList, resourceList } from './plain.ts'

/** Answers /api, /apis and the documents one and two levels below; undefined for every other path. */
export function answerDiscovery(
  path: string,
  accept: string | undefined,
  kinds: readonly KindSpec[],
): Answer | undefined {
  const [root, ...rest] = path.replace(/\/$/, '').split('/').slice(1)
  if (root !== 'api' && root !== 'apis') return undefined
  if (rest.length === 0) {
    if (negotiateDiscovery(accept) === 'v2') {
      const body = JSON.stringify(aggregatedDiscovery(kinds, root))
      return { code: 200, contentType: AGGREGATED_TYPE, body, headers: { vary: 'Accept' } }
    }
    return json(JSON.stringify(root === 'api' ? coreVersions : groupList(kinds)))
  }
  const [group, version] = root === 'api' ? ['', ...rest] : rest
  if (rest.length > (root === 'api' ? 1 : 2)) return undefined
  const found =
    version === undefined ? groupDocument(kinds, group!) : resourceList(kinds, group!, version)
  return found && json(JSON.stringify(found))
}
