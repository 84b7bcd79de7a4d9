import { pathsOf } from '#api/apply/field-set.ts'
import { type Applied, applyConfig, type Conflict } from '#api/apply/managers.ts'
import { quoteLikeGo, required } from '#api/field-error.ts'
import type { JSONObject } from '#api/json.ts'
import type { KubernetesObject } from '#api/meta.ts'
import {
  alreadyExists,
  applyConflict,
  badRequest,
  conflict,
  invalid,
  StatusError,
} from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { createObject } from '../create-object.ts'
import { decodeObject } from '../decode-object.ts'
import { mutate } from '../mutate.ts'
import { checkNamespace } from '../namespace-lifecycle.ts'
import { parseBody } from '../parse-body.ts'
import { presentItem, presentObject } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import {
  describeWrite,
  fieldsLastApplied,
  LAST_APPLIED,
  ownersBeforeApply,
  withOwners,
  withoutOwners,
} from '../track-fields.ts'
import { isTrue } from '../watch/watch-options.ts'
import { parseWriteOptions, type WriteOptions } from '../write-options.ts'

const NAME_TAKEN_ATTEMPTS = 3
/** The manager that kubectl applies as, unless told another. */
const KUBECTL = 'kubectl'

/** Server-side apply: creates the object or merges the configuration, by who owns which fields. @throws StatusError */
export async function apply(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { spec, query, warn } = request
  const options = parseWriteOptions(query, 'PatchOptions')
  if (!query.get('fieldManager')) {
    // apimachinery apis/meta/v1/validation/validation.go, ValidatePatchOptions
    const error = required('fieldManager', 'is required for apply patch')
    throw invalid({ kind: 'PatchOptions', group: 'meta.k8s.io' }, '', [error])
  }
  const body = await parseBody(await request.body(), 'application/yaml')
  const config = decodeObject(spec.resource, body, options.fieldValidation, warn)
  if (config.metadata.managedFields) throw badRequest('metadata.managedFields must be nil')
  for (let attempt = 1; ; attempt++) {
    try {
      return await applyToLive(request, deps, config, options)
    } catch (error) {
      const isMissing = error instanceof StatusError && error.status.code === 404
      if (!isMissing || request.subresource !== undefined) throw error
    }
    const answer = await applyNew(request, deps, config, options)
    if (answer) return answer
    if (attempt === NAME_TAKEN_ATTEMPTS) throw alreadyExists(spec.resource, request.name)
  }
}

async function applyToLive(
  request: RESTRequest,
  deps: RESTDeps,
  config: KubernetesObject,
  { dryRun }: WriteOptions,
): Promise<Answer> {
  const change = (live: KubernetesObject): KubernetesObject => {
    const write = describeWrite(request, 'Apply', live, ownersBeforeApply(live, request.spec))
    const wanted = config as unknown as JSONObject // came from JSON
    const force = isTrue(request.query.get('force'))
    const applied = settle(applyConfig(write, wanted, force), live, request)
    const result = applied ?? applyConfig(write, wanted, true)
    if (result.kind === 'conflict') throw explainConflicts(result.conflicts)
    const object = result.object as unknown as KubernetesObject // as its configuration
    const isKubectl = write.manager.name === KUBECTL
    return withOwners(isKubectl ? syncLastApplied(object, config) : object, result.owners)
  }
  return presentItem(request, await mutate(request, deps, { dryRun, isApply: true, change }))
}

/**
 * Keeps kubectl's annotation of its client-side apply, where there is one, true to what it applies now.
 * Source: apimachinery util/managedfields/internal/lastappliedupdater.go.
 */
function syncLastApplied(object: KubernetesObject, config: KubernetesObject): KubernetesObject {
  const { annotations } = object.metadata
  if (annotations?.[LAST_APPLIED] === undefined) return object
  const { [LAST_APPLIED]: _, ...sent } = config.metadata.annotations ?? {}
  const text = JSON.stringify({ ...config, metadata: { ...config.metadata, annotations: sent } })
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...annotations, [LAST_APPLIED]: text } },
  }
}

/** Undefined where every conflict is with what kubectl applied itself before, on the client's side. */
function settle(
  applied: Applied,
  live: KubernetesObject,
  { spec, query }: RESTRequest,
): Applied | undefined {
  if (applied.kind === 'applied' || query.get('fieldManager') !== KUBECTL) return applied
  const allowed = new Set(
    pathsOf(fieldsLastApplied(live, spec) ?? { self: false, children: new Map() }),
  )
  const conflicts = applied.conflicts.filter(({ path }) => !allowed.has(path))
  return conflicts.length > 0 ? { kind: 'conflict', conflicts } : undefined
}

/** Undefined when the name was taken meanwhile. */
async function applyNew(
  request: RESTRequest,
  deps: RESTDeps,
  config: KubernetesObject,
  { dryRun }: WriteOptions,
): Promise<Answer | undefined> {
  const { spec, namespace, name } = request
  if (config.metadata.uid || config.metadata.resourceVersion) {
    throw conflict(spec.resource, name)
  }
  if (config.metadata.name !== name) {
    throw badRequest(
      `the name of the object (${config.metadata.name}) does not match the name on the URL (${name})`,
    )
  }
  if (namespace !== undefined) await checkNamespace(deps, spec.resource, namespace, name)
  const write = describeWrite(request, 'Apply', undefined, [])
  const applied = applyConfig(write, withoutOwners(config), true)
  if (applied.kind === 'conflict') throw explainConflicts(applied.conflicts)
  const owned = withOwners(config, applied.owners)
  const placed =
    namespace === undefined ? owned : { ...owned, metadata: { ...owned.metadata, namespace } }
  const created = await createObject(placed, request, deps, dryRun)
  if (!created) return undefined
  return dryRun ? presentObject(request, created.object, 201) : presentItem(request, created, 201)
}

// apimachinery util/managedfields/internal/conflict.go
function explainConflicts(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${describeManager(manager)}`,
    field: path,
  }))
  const [only] = conflicts
  if (conflicts.length === 1) {
    const text = `conflict with ${describeManager(only!.manager)}: ${only!.path}`
    return applyConflict(`Apply failed with 1 conflict: ${text}`, causes)
  }
  const byManager = Map.groupBy(conflicts, ({ manager }) => describeManager(manager))
  const lines = [...byManager]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([manager, its]) => [
      `conflicts with ${manager}:`,
      ...its.map(({ path }) => `- ${path}`),
    ])
  return applyConflict(
    `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`,
    causes,
  )
}

function describeManager({
  name,
  operation,
  apiVersion,
  subresource,
}: Conflict['manager']): string {
  const of = subresource ? ` with subresource ${quoteLikeGo(subresource)}` : ''
  const using = operation === 'Update' ? ` using ${apiVersion}` : ''
  return `${quoteLikeGo(name)}${of}${using}`
}
