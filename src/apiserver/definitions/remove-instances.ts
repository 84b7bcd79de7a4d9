import {
  CLEANUP_FINALIZER,
  type CustomResourceDefinition,
  isTrue,
} from '#api/custom-resource/definition.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { StatusError } from '#api/status.ts'
import { SERVER } from '../auth/user.ts'
import { objectOf, prefixOf } from '../rest/record.ts'
import type { RESTDeps } from '../rest/request.ts'
import { removeOne } from '../rest/verbs/delete.ts'

/** What a deletion of instances came to; a condition says it. */
export interface Removal {
  readonly isDone: boolean
  readonly reason: string
  readonly message: string
}

export const isGoing = ({ metadata }: CustomResourceDefinition): boolean =>
  metadata.deletionTimestamp !== undefined &&
  (metadata.finalizers ?? []).includes(CLEANUP_FINALIZER)

/**
 * Deletes every instance as a client would, so that finalizers are honoured. Not done while one is left.
 * Source of reasons and sentences: apiextensions-apiserver pkg/controller/finalizer/crd_finalizer.go.
 */
export async function removeInstances(
  definition: CustomResourceDefinition,
  spec: KindSpec | undefined,
  deps: RESTDeps,
): Promise<Removal> {
  if (!spec || !isTrue(definition, 'Established'))
    return { isDone: true, reason: 'NeverEstablished', message: 'resource was never established' }
  const prefix = prefixOf(spec.resource)
  const options = { dryRun: false, preconditions: {}, propagationPolicy: 'Background' } as const
  for (const item of (await deps.store.list(prefix)).items) {
    const { name, namespace, deletionTimestamp } = objectOf(item, spec.resource).metadata
    if (deletionTimestamp === undefined)
      await removeOne({ spec, namespace, name, user: SERVER }, deps, options).catch(unlessGone)
  }
  const left = (await deps.store.list(prefix, { limit: 1 })).items.length
  return left > 0
    ? {
        isDone: false,
        reason: 'InstanceDeletionInProgress',
        message: 'CustomResource deletion is in progress',
      }
    : { isDone: true, reason: 'InstanceDeletionCompleted', message: 'removed all instances' }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof StatusError) || error.status.code !== 404) throw error
}
