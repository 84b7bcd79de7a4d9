import type { Deployment, ReplicaSet, StatefulSet } from '#api/apps.ts'
import type { ScalePaths } from '#api/custom-resource/definition.ts'
import { valueAt, withValueAt } from '#api/custom-resource/scale-paths.ts'
import { invalid as invalidField } from '#api/field-error.ts'
import type { JSONObject } from '#api/json.ts'
import type { KubernetesObject, LabelSelector } from '#api/meta.ts'
import type { ReplicationController } from '#api/replication.ts'
import type { Resource } from '#api/resources.ts'
import { badRequest, internal, invalid } from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import type { StoredItem } from '../../storage/store.ts'
import { decodePatched, parsePatch } from '../apply-patch.ts'
import { decodeObject } from '../decode-object.ts'
import { findItem } from '../find-item.ts'
import { selectorText } from '../format-selector.ts'
import { mutate } from '../mutate.ts'
import { parseBody } from '../parse-body.ts'
import { presentObject } from '../present.ts'
import { objectOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { unnamed } from '../verbs/create.ts'
import { isApplyPatch } from '../verbs/patch.ts'
import { parseWriteOptions } from '../write-options.ts'

/** What has a scale: spec.replicas, status.replicas and a selector at the same places. */
type Scalable = Deployment | ReplicaSet | StatefulSet | ReplicationController

/** deployments/scale and its like, as autoscaling/v1 Scale. */
export const scale = {
  async get(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { resource } = request.spec
    const object = objectOf(await findItem(request, deps), resource)
    const path = resource.custom?.scale?.specReplicasPath
    if (path && valueAt(asJSON(object), path) === undefined)
      throw internal(`the spec replicas field "${path}" does not exist`)
    return presentScale(object, request)
  },

  async update(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'UpdateOptions')
    const body = await parseBody(await request.body(), request.contentType, SCALE)
    const scale = decodeObject(SCALE, body, fieldValidation, request.warn)
    return change(request, deps, dryRun, async () => scale)
  },

  async patch(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    if (isApplyPatch(request.contentType)) {
      const { applyScale } = await import('./apply-scale.ts')
      return showScale(await applyScale(request, deps), request)
    }
    const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'PatchOptions')
    const parsed = parsePatch(await request.body(), request.contentType, SCALE)
    return change(request, deps, dryRun, async (current) => {
      const patched = await parsed.apply(current, request.pace)
      return decodePatched(SCALE, patched, parsed, fieldValidation, request.warn)
    })
  },
}

export const SCALE: Resource = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  namespaced: true,
}

function showScale(
  written: Pick<StoredItem, 'value' | 'modRevision'>,
  request: RESTRequest,
): Answer {
  return presentScale(objectOf(written, request.spec.resource), request)
}

function presentScale(object: KubernetesObject, request: RESTRequest): Answer {
  const { spec } = request
  const shown = scaleOf(object, spec.resource.custom?.scale) as unknown as KubernetesObject // as its type says
  return presentObject({ ...request, spec: { ...spec, resource: SCALE } }, shown)
}

async function change(
  request: RESTRequest,
  deps: RESTDeps,
  dryRun: boolean,
  edit: (current: JSONObject) => Promise<KubernetesObject>,
): Promise<Answer> {
  const { resource } = request.spec
  const paths = resource.custom?.scale
  const written = await mutate({ ...request, subresource: undefined, through: 'scale' }, deps, {
    dryRun,
    change: async (current) => {
      const wanted = await edit(scaleOf(current, paths))
      return withReplicas(current, wanted, request.name, paths)
    },
  })
  return showScale(written, request)
}

const asJSON = (object: KubernetesObject) => object as unknown as JSONObject // came from JSON

function scaleOf(object: KubernetesObject, paths: ScalePaths | undefined): JSONObject {
  const {
    name,
    namespace = '',
    uid = '',
    resourceVersion = '',
    creationTimestamp = '',
  } = object.metadata
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    ...(paths ? customParts(asJSON(object), paths) : builtInParts(object as Scalable)),
  }
}

function builtInParts(object: Scalable): JSONObject {
  const { spec, status } = object
  return {
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, selector: selectorText(selectorOf(object)) },
  }
}

// apiextensions-apiserver pkg/registry/customresource/etcd.go, scaleFromCustomResource
function customParts(object: JSONObject, paths: ScalePaths): JSONObject {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = paths
  const selector = labelSelectorPath ? valueAt(object, labelSelectorPath) : undefined
  return {
    spec: { replicas: valueAt(object, specReplicasPath) ?? 0 },
    status: {
      replicas: valueAt(object, statusReplicasPath) ?? 0,
      ...(selector ? { selector } : {}),
    },
  }
}

/** A ReplicationController's selector is a map of labels. */
function selectorOf({ kind, spec: { selector = {} } }: Scalable): LabelSelector {
  return kind === 'ReplicationController'
    ? { matchLabels: selector as Readonly<Record<string, string>> }
    : selector
}

interface Scale extends KubernetesObject {
  readonly spec?: { readonly replicas?: number }
}

function withReplicas(
  current: KubernetesObject,
  wanted: Scale,
  name: string,
  paths: ScalePaths | undefined,
): KubernetesObject {
  const replicas = wanted.spec?.replicas ?? 0
  if (wanted.metadata.name !== name) throw badRequest(unnamed(wanted.metadata.name, name))
  checkReplicas(replicas, name)
  const { resourceVersion } = wanted.metadata
  const path = paths?.specReplicasPath ?? '.spec.replicas'
  const scaled = withValueAt(asJSON(current), path, replicas) as unknown as KubernetesObject // as it was
  return {
    ...scaled,
    metadata: { ...current.metadata, ...(resourceVersion ? { resourceVersion } : {}) },
  }
}

/** @throws StatusError 422 */
export function checkReplicas(replicas: number, name: string): void {
  if (replicas >= 0) return
  const error = invalidField('spec.replicas', replicas, 'must be greater than or equal to 0')
  throw invalid({ kind: SCALE.kind, group: SCALE.group }, name, [error])
}
