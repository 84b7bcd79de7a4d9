import type { Pod } from '#api/core.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { validateResize, withResources } from '#api/kinds/pod-resize.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { get } from '../verbs/get.ts'
import { patch } from '../verbs/patch.ts'
import { update } from '../verbs/update.ts'

/** pods/resize: an update of the pod's resources by rules of its own. */
export const resize = {
  get,
  update: (request: RESTRequest, deps: RESTDeps) => update(asUpdate(request), deps),
  patch: (request: RESTRequest, deps: RESTDeps) => patch(asUpdate(request), deps),
}

function asUpdate(request: RESTRequest): RESTRequest {
  return { ...request, subresource: undefined, spec: withRules(request.spec) }
}

function withRules(spec: KindSpec): KindSpec {
  const pod = (object: KubernetesObject) => object as Pod // the subresource is offered by pods alone
  return {
    ...spec,
    prepareUpdate: (object, old) => spec.prepareUpdate(withResources(pod(object), pod(old)), old),
    validateUpdate: (object, old) => validateResize(pod(object), pod(old)),
  }
}
