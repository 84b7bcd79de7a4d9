import type { Pod } from '#api/core.ts'
import type { FieldError } from '#api/field-error.ts'
import {
  validateEphemeralContainersUpdate,
  withEphemeralContainers,
} from '#api/kinds/pod-ephemeral-containers.ts'
import { validateResize, withResources } from '#api/kinds/pod-resize.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { get } from '../verbs/get.ts'
import { patch } from '../verbs/patch.ts'
import { update } from '../verbs/update.ts'

interface Rules {
  /** The old pod with that part of the new one which the subresource is about. */
  readonly take: (pod: Pod, old: Pod) => Pod
  readonly validate: (pod: Pod, old: Pod) => FieldError[]
}

export const resize = podPart('resize', { take: withResources, validate: validateResize })
export const ephemeralContainers = podPart('ephemeralcontainers', {
  take: withEphemeralContainers,
  validate: validateEphemeralContainersUpdate,
})

/** An update of the pod itself, by rules of its own. */
function podPart(through: string, rules: Rules) {
  const asUpdate = (request: RESTRequest): RESTRequest => {
    return { ...request, subresource: undefined, through, spec: withRules(request.spec, rules) }
  }
  return {
    get,
    update: (request: RESTRequest, deps: RESTDeps) => update(asUpdate(request), deps),
    patch: (request: RESTRequest, deps: RESTDeps) => patch(asUpdate(request), deps),
  }
}

function withRules(spec: RESTRequest['spec'], { take, validate }: Rules): RESTRequest['spec'] {
  const pod = (object: KubernetesObject) => object as Pod // the subresource is offered by pods alone
  return {
    ...spec,
    prepareUpdate: (object, old) => spec.prepareUpdate(take(pod(object), pod(old)), old),
    validateUpdate: (object, old) => validate(pod(object), pod(old)),
  }
}
