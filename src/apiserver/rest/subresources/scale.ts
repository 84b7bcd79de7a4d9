import type { Deployment, ReplicaSet, StatefulSet } from '#api/apps.ts'
import type { ScalePaths } from '#api/custom-resource/definition.ts'
import { valueAt, withValueAt } from '#api/custom-resource/scale-paths.ts'
import { invalid as invalidField } from '#api/field-error.ts'
import { isJSONObject, type JSONObject } from '#api/json.ts'
import type { KubernetesObject, LabelSelector } from '#api/meta.ts'
import type { ReplicationController } from '#api/replication.ts'
import { badRequest, internal, invalid } from '#api/status.ts'
import { type Answer, json } from '../../http/answer.ts'
import { parsePatch } from '../apply-patch.ts'
import { findItem } from '../find-item.ts'
import { selectorText } from '../format-selector.ts'
import { mutate } from '../mutate.ts'
import { parseBody } from '../parse-body.ts'
import { objectOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { refuseServerSideApply } from '../verbs/patch.ts'
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
    return json(JSON.stringify(scaleOf(object, resource.custom?.scale)))
  },

  async update(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const { value } = await parseBody(await request.body(), request.contentType)
    return change(request, deps, 'UpdateOptions', async () => value)
  },

  async patch(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    refuseServerSideApply(request.contentType)
    const body = await request.body()
    const { apply } = parsePatch(body, request.contentType, SCALE)
    return change(request, deps, 'PatchOptions', async (current) => {
      const patched = await apply(current)
      if (!isJSONObject(patched)) throw badRequest('the patched Scale is not an object')
      return patched
    })
  },
}

const SCALE = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  namespaced: true,
}

async function change(
  request: RESTRequest,
  deps: RESTDeps,
  optionsKind: string,
  edit: (current: JSONObject) => Promise<JSONObject>,
): Promise<Answer> {
  const { dryRun } = parseWriteOptions(request.query, optionsKind)
  const { resource } = request.spec
  const paths = resource.custom?.scale
  const written = await mutate({ ...request, subresource: undefined }, deps, {
    dryRun,
    through: 'scale',
    change: async (current) => {
      const wanted = await edit(scaleOf(current, paths))
      return withReplicas(current, wanted, request.name, paths)
    },
  })
  return json(JSON.stringify(scaleOf(objectOf(written, resource), paths)))
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

function withReplicas(
  current: KubernetesObject,
  wanted: JSONObject,
  name: string,
  paths: ScalePaths | undefined,
): KubernetesObject {
  const spec = isJSONObject(wanted.spec) ? wanted.spec : {}
  const metadata = isJSONObject(wanted.metadata) ? wanted.metadata : {}
  const replicas = spec.replicas ?? 0
  if (typeof replicas !== 'number' || !Number.isSafeInteger(replicas)) {
    throw badRequest(
      'json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32',
    )
  }
  if (replicas < 0) {
    const error = invalidField('spec.replicas', replicas, 'must be greater than or equal to 0')
    throw invalid({ kind: 'Scale', group: 'autoscaling' }, name, [error])
  }
  const { resourceVersion } = metadata
  const path = paths?.specReplicasPath ?? '.spec.replicas'
  const scaled = withValueAt(asJSON(current), path, replicas) as unknown as KubernetesObject // as it was
  return {
    ...scaled,
    metadata: {
      ...current.metadata,
      ...(typeof resourceVersion === 'string' && resourceVersion !== '' ? { resourceVersion } : {}),
    },
  }
}
