import { forbidden } from '#api/field-error.ts'
import type { JSONObject } from '#api/json.ts'
import { invalid } from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { parseMediaType } from '../../http/media-type.ts'
import { decodePatched, parsePatch } from '../apply-patch.ts'
import { mutate } from '../mutate.ts'
import { presentItem } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { parseWriteOptions } from '../write-options.ts'

export async function patch(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  if (isApplyPatch(request.contentType)) {
    const { apply } = await import('./apply.ts')
    return apply(request, deps)
  }
  const { spec, query, warn } = request
  request.representation()
  const { dryRun, fieldValidation } = parseWriteOptions(query, 'PatchOptions')
  if (query.has('force')) {
    const why = 'may not be specified for non-apply patch'
    throw invalid({ kind: 'PatchOptions', group: 'meta.k8s.io' }, '', [forbidden('force', why)])
  }
  const parsed = parsePatch(await request.body(), request.contentType, spec.resource)
  await request.pace()
  const written = await mutate(request, deps, {
    dryRun,
    change: async (current) => {
      const own = structuredClone(current) as unknown as JSONObject // came from JSON
      await request.pace()
      const patched = await parsed.apply(own, request.pace)
      await request.pace()
      return decodePatched(spec.resource, patched, parsed, fieldValidation, warn)
    },
  })
  return presentItem(request, written)
}

export const isApplyPatch = (contentType: string): boolean =>
  parseMediaType(contentType).type === 'application/apply-patch+yaml'
