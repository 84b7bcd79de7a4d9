import { pathsOf } from '#api/apply/field-set.ts'
import { type Applied, applyInTurns, type Conflict, type Ownerships } from '#api/apply/managers.ts'
import type { NodeType } from '#api/apply/node.ts'
import { findDuplicate } from '#api/apply/typed.ts'
import { formatTypedErrors, validateTyped } from '#api/apply/validate-typed.ts'
import { quoteLikeGo, required } from '#api/field-error.ts'
import { getKey, isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf } from '#api/resources.ts'
import { describeJSON } from '#api/schema/scalars.ts'
import {
  alreadyExists,
  applyConflict,
  badRequest,
  conflict,
  invalid,
  StatusError,
  unexplained,
} from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import type { StoredItem } from '../../storage/store.ts'
import { checkObject } from '../check-object.ts'
import { createObject } from '../create-object.ts'
import { asKubernetesObject } from '../decode-object.ts'
import { isTrue } from '../list-options.ts'
import { mutate } from '../mutate.ts'
import { checkNamespace } from '../namespace-lifecycle.ts'
import type { Pace } from '../pace.ts'
import { parseApplied } from '../parse-applied.ts'
import { presentItem, presentObject } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import {
  describeWrite,
  fieldsLastApplied,
  LAST_APPLIED,
  ownersBeforeApply,
  partOf,
  typeOf,
  withOwners,
} from '../track-fields.ts'
import { parseWriteOptions, type WriteOptions } from '../write-options.ts'
import { unnamed } from './create.ts'

const NAME_TAKEN_ATTEMPTS = 3
/** The manager that kubectl applies as, unless told another. */
const KUBECTL = 'kubectl'

/** Server-side apply: creates the object or merges the configuration, by who owns which fields. @throws StatusError */
export async function apply(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { spec } = request
  request.representation()
  const options = parseApplyOptions(request)
  const config = await parseConfig(request, spec.resource, options)
  await request.pace()
  for (let attempt = 1; ; attempt++) {
    try {
      return presentItem(request, await applyToLive(request, deps, config, options))
    } catch (error) {
      const isMissing = error instanceof StatusError && error.status.code === 404
      if (!isMissing || partOf(request) !== undefined) throw error
    }
    const answer = await applyNew(request, deps, config, options)
    if (answer) return answer
    if (attempt === NAME_TAKEN_ATTEMPTS) throw alreadyExists(spec.resource, request.name)
  }
}

/** The configuration as it was sent: what it says nothing of, its manager does not own. @throws StatusError 400, 500 */
export async function parseConfig(
  { body, pace }: Pick<RESTRequest, 'body' | 'pace'>,
  resource: ServedResource,
  { fieldValidation }: WriteOptions,
): Promise<JSONObject> {
  const { value, strictErrors } = await parseApplied((await body()).toString('utf8'))
  await pace()
  const [strictError] = strictErrors
  if (strictError !== undefined && fieldValidation === 'Strict') {
    throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${strictError}`)
  }
  const config = value ?? {}
  if (!isJSONObject(config)) {
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${describeJSON(config)} into Go value of type map[string]interface {}`,
    )
  }
  const { kind = '', apiVersion = '', metadata } = config
  if (kind !== resource.kind || apiVersion !== apiVersionOf(resource)) {
    const version = String(apiVersion).includes('/') ? apiVersion : `/${apiVersion}`
    throw badRequest(`invalid object type: ${version}, Kind=${kind}`)
  }
  if (isJSONObject(metadata) && (metadata.managedFields ?? null) !== null) {
    throw badRequest('metadata.managedFields must be nil')
  }
  await checkConfig(config, resource, pace)
  return config
}

/** Whether it fits the schema, as structured-merge-diff says it. @throws StatusError 500 */
async function checkConfig(
  config: JSONObject,
  resource: ServedResource,
  pace: Pace,
): Promise<void> {
  const type = typeOf({ resource })
  const errors = resource.custom
    ? explainCustom(config, resource, type)
    : validateTyped(config, type)
  await pace()
  if (errors.length === 0) return
  const metadata = isJSONObject(config.metadata) ? config.metadata : {}
  const version = apiVersionOf(resource)
  const kind = `${version.includes('/') ? version : `/${version}`}, Kind=${resource.kind}`
  const where = `${metadata.namespace ?? ''}/${metadata.name ?? ''}; ${kind}`
  throw unexplained(`failed to create typed patch object (${where}): ${formatTypedErrors(errors)}`)
}

function explainCustom(config: JSONObject, resource: ServedResource, type: NodeType): string[] {
  const { unknown, typeError } = checkObject(resource, config)
  const duplicate = findDuplicate(config, type)
  return [
    ...unknown.map((path) => `.${path}: field not declared in schema`),
    ...(typeError ? [typeError] : []),
    ...(duplicate === undefined ? [] : [duplicate]),
  ]
}

/** @throws StatusError 422 where no manager is named */
export function parseApplyOptions({ query }: RESTRequest): WriteOptions {
  const options = parseWriteOptions(query, 'PatchOptions')
  if (query.get('fieldManager')) return options
  // apimachinery apis/meta/v1/validation/validation.go, ValidatePatchOptions
  const error = required('fieldManager', 'is required for apply patch')
  throw invalid({ kind: 'PatchOptions', group: 'meta.k8s.io' }, '', [error])
}

interface Applying extends WriteOptions {
  /** A last word on who owns what. */
  readonly settleOwners?: (after: Ownerships, before: Ownerships) => Ownerships
}

/** Merges a configuration into the object that is there. @throws StatusError 404, 409 */
export async function applyToLive(
  request: RESTRequest,
  deps: RESTDeps,
  config: JSONObject,
  { dryRun, settleOwners }: Applying,
): Promise<Pick<StoredItem, 'value' | 'modRevision'>> {
  const { pace } = request
  const change = async (live: KubernetesObject): Promise<KubernetesObject> => {
    const before = ownersBeforeApply(live, request)
    await pace()
    const write = describeWrite(request, 'Apply', live, before)
    const force = isTrue(request.query.get('force'))
    const applied = settle(await applyInTurns(write, config, force, pace), live, request)
    const result = applied ?? (await applyInTurns(write, config, true, pace))
    if (result.kind === 'conflict') throw explainConflicts(result.conflicts)
    await pace()
    const object = decodeApplied(result.object, request)
    await pace()
    const isKubectl = write.manager.name === KUBECTL
    const named = object.metadata.name === '' ? withName(object, request.name) : object
    const owners = settleOwners ? settleOwners(result.owners, before) : result.owners
    return withOwners(isKubectl ? syncLastApplied(named, config) : named, owners)
  }
  return mutate(request, deps, { dryRun, isApply: true, change })
}

const withName = (object: KubernetesObject, name: string): KubernetesObject => ({
  ...object,
  metadata: { ...object.metadata, name },
})

/**
 * Keeps kubectl's annotation of its client-side apply, where there is one, true to what it applies now.
 * Source: apimachinery util/managedfields/internal/lastappliedupdater.go.
 */
function syncLastApplied(object: KubernetesObject, config: JSONObject): KubernetesObject {
  const { annotations } = object.metadata
  if (annotations?.[LAST_APPLIED] === undefined) return object
  return {
    ...object,
    metadata: {
      ...object.metadata,
      annotations: { ...annotations, [LAST_APPLIED]: textOf(config) },
    },
  }
}

/** As Go writes it: keys in order, and a line's end. */
function textOf(config: JSONObject): string {
  const metadata = isJSONObject(config.metadata) ? config.metadata : {}
  const annotations = isJSONObject(metadata.annotations) ? metadata.annotations : {}
  const { [LAST_APPLIED]: _, ...sent } = annotations
  const { annotations: _annotations, ...named } = metadata
  const shown = Object.keys(sent).length > 0 ? { ...named, annotations: sent } : named
  return `${JSON.stringify(sorted({ ...config, metadata: shown }))}\n`
}

function sorted(value: JSONValue): JSONValue {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isJSONObject(value)) return value
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sorted(getKey(value, key)!)]))
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
  config: JSONObject,
  { dryRun }: WriteOptions,
): Promise<Answer | undefined> {
  const { spec, namespace, name, pace } = request
  const object = decodeApplied(config, request)
  await pace()
  if (object.metadata.name !== name) throw badRequest(unnamed(object.metadata.name, name))
  const { uid } = object.metadata
  if (uid) {
    // apiserver endpoints/handlers/patch.go, applyPatch()
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`
    throw conflict(spec.resource, name, why)
  }
  if (namespace !== undefined) await checkNamespace(deps, spec.resource, namespace, name)
  const write = describeWrite(request, 'Apply', undefined, [])
  const applied = await applyInTurns(write, config, true, pace)
  if (applied.kind === 'conflict') throw explainConflicts(applied.conflicts)
  await pace()
  const { resourceVersion: _, ...metadata } = withOwners(object, applied.owners).metadata
  const placed = {
    ...object,
    metadata: namespace === undefined ? metadata : { ...metadata, namespace },
  }
  const created = await createObject(placed, request, deps, dryRun)
  if (!created) return undefined
  return dryRun ? presentObject(request, created.object, 201) : presentItem(request, created, 201)
}

/** What a merge made, as an object of the kind: only known fields are left in it. @throws StatusError 500 */
function decodeApplied(merged: JSONObject, { spec }: RESTRequest): KubernetesObject {
  const { object, typeError } = checkObject(spec.resource, merged)
  if (typeError) throw unexplained(`failed to convert new object: ${typeError}`)
  return asKubernetesObject(spec.resource, object)
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
