import type { JSONObject } from '#api/json.ts'
import { StatusError } from '#api/status.ts'
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
  const { dryRun, fieldValidation } = parseWriteOptions(query, 'PatchOptions')
  const parsed = parsePatch(await request.body(), request.contentType, spec.resource)
  const written = await mutate(request, deps, {
    dryRun,
    change: async (current) => {
      const patched = await parsed.apply(structuredClone(current) as unknown as JSONObject) // came from JSON
      return decodePatched(spec.resource, patched, parsed, fieldValidation, warn)
    },
  })
  return presentItem(request, written)
}

const isApplyPatch = (contentType: string) =>
  parseMediaType(contentType).type === 'application/apply-patch+yaml'

export function refuseServerSideApply(contentType: string): void {
  if (!isApplyPatch(contentType)) return
  throw new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message:
      'Cannot apply on the server: this subresource keeps no field managers (use a merge patch)',
    reason: 'UnsupportedMediaType',
    code: 415,
  })
}
