import type { KubernetesObject } from '#api/meta.ts'
import { StatusError } from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { decodeObject } from '../decode-object.ts'
import { mutate } from '../mutate.ts'
import { parseBody } from '../parse-body.ts'
import { presentItem } from '../present.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { parseWriteOptions } from '../write-options.ts'

export async function update(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  request.representation()
  const { dryRun, fieldValidation } = parseWriteOptions(request.query, 'UpdateOptions')
  const body = await parseBody(await request.body(), request.contentType, request.spec.resource)
  await request.pace()
  const decoded = decodeObject(request.spec.resource, body, fieldValidation, request.warn)
  const wanted = placed(decoded, request.namespace)
  const change = () => wanted
  try {
    const written = await mutate(request, deps, { dryRun, change, isUpdate: true })
    return presentItem(request, written)
  } catch (error) {
    const isMissing = error instanceof StatusError && error.status.code === 404
    if (!isMissing || !mayCreate(request) || wanted.metadata.uid) throw error
    const { createWhereMissing } = await import('./create.ts')
    return createWhereMissing(wanted, request, deps, dryRun)
  }
}

/** Kinds that a PUT makes where they are missing: AllowCreateOnUpdate of their strategies. */
const MADE_BY_UPDATE: ReadonlySet<string> = new Set([
  '/services',
  '/endpoints',
  '/events',
  'events.k8s.io/events',
  'coordination.k8s.io/leases',
  'rbac.authorization.k8s.io/roles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/clusterrolebindings',
])

const mayCreate = ({ spec: { resource }, subresource }: RESTRequest) =>
  subresource === undefined && MADE_BY_UPDATE.has(`${resource.group}/${resource.plural}`)

/** An object sent without its namespace means the request's. */
function placed(object: KubernetesObject, namespace: string | undefined): KubernetesObject {
  if (namespace === undefined || object.metadata.namespace) return object
  return { ...object, metadata: { ...object.metadata, namespace } }
}
