import type { Pod } from '#api/core.ts'
import { isJSONObject } from '#api/json.ts'
import { badRequest } from '#api/status.ts'
import { type Answer, statusAnswer } from '../../http/answer.ts'
import { type DeleteOptions, parseDeleteOptionsOf } from '../delete-options.ts'
import { findItem } from '../find-item.ts'
import { parseBody } from '../parse-body.ts'
import { objectOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { removeOne } from '../verbs/delete.ts'
import { parseWriteOptions } from '../write-options.ts'
import { claimDisruption, stillProcessed } from './disruption-budget.ts'

/** pods/eviction (policy/v1): a deletion that budgets may refuse. Source: registry/core/pod/storage/eviction.go. */
export const eviction = {
  async create(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { dryRun } = parseWriteOptions(request.query, 'CreateOptions')
    const { value } = await parseBody(await request.body(), request.contentType)
    if (value.kind !== undefined && value.kind !== 'Eviction') {
      throw badRequest(`expected Eviction but received ${value.kind}`)
    }
    const { name } = isJSONObject(value.metadata) ? value.metadata : {}
    if (name !== undefined && name !== '' && name !== request.name) {
      throw badRequest('name in URL does not match name in Eviction object')
    }
    const given = parseDeleteOptionsOf(isJSONObject(value.deleteOptions) ? value.deleteOptions : {})
    await evict(request, deps, { ...given, dryRun: dryRun || given.dryRun })
    return statusAnswer({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      code: 201,
    })
  },
}

async function evict(request: RESTRequest, deps: RESTDeps, options: DeleteOptions): Promise<void> {
  const pod = objectOf(await findItem(request, deps)) as Pod
  if (isDisruptedAlready(pod)) {
    await removeOne(request, deps, options)
    return
  }
  const { budget, isCounted } = await claimDisruption(pod, options.dryRun, deps)
  // A pod that does not count may become ready meanwhile: then it would.
  const preconditions =
    budget === undefined || isCounted || options.preconditions.resourceVersion
      ? options.preconditions
      : { ...options.preconditions, resourceVersion: pod.metadata.resourceVersion ?? '' }
  try {
    await removeOne(request, deps, { ...options, preconditions })
  } catch (error) {
    const isOurs = preconditions !== options.preconditions
    if (isOurs && budget !== undefined && isConflict(error)) throw stillProcessed(budget)
    throw error
  }
}

const isConflict = (error: unknown) =>
  error instanceof Error && 'status' in error && (error.status as { code?: number }).code === 409

/** No budget counts it: it serves nobody, or goes anyhow. */
function isDisruptedAlready({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp !== undefined ||
    ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '')
  )
}
