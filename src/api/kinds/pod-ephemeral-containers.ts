/** The subresource pods/ephemeralcontainers. Source: core/validation v1.36, ValidatePodEphemeralContainersUpdate; registry/core/pod/strategy.go. */
import type { EphemeralContainer, Pod } from '../core.ts'
import { type FieldError, forbidden } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { diffEphemeralContainers } from './pod-diff.ts'
import { validatePodSpec } from './pod-spec-validation.ts'

const MIRROR = 'kubernetes.io/config.mirror'
const FIELD = 'spec.ephemeralContainers'

/** Nothing but the ephemeral containers is taken of what was sent. */
export function withEphemeralContainers({ metadata, spec }: Pod, old: Pod): Pod {
  const { ephemeralContainers: _, ...kept } = old.spec
  const { resourceVersion, managedFields } = metadata
  return {
    ...old,
    metadata: {
      ...old.metadata,
      ...(resourceVersion ? { resourceVersion } : {}),
      ...(managedFields ? { managedFields } : {}),
    },
    spec: {
      ...kept,
      ...(spec.ephemeralContainers ? { ephemeralContainers: spec.ephemeralContainers } : {}),
    },
  }
}

export function validateEphemeralContainersUpdate({ metadata, spec }: Pod, old: Pod): FieldError[] {
  const errors = validatePodSpec(spec, 'spec', { inPod: true, podName: metadata.name })
  if (metadata.annotations?.[MIRROR] !== undefined)
    errors.push(forbidden('', 'static pods do not support ephemeral containers'))
  const wanted = spec.ephemeralContainers ?? []
  const byName = new Map(wanted.toReversed().map((each) => [each.name, each]))
  for (const container of old.spec.ephemeralContainers ?? []) {
    const same = byName.get(container.name)
    const existing = `existing ephemeral containers "${container.name}"`
    if (!same) errors.push(forbidden(FIELD, `${existing} may not be removed\n`))
    else if (!equalJSON(same, container))
      errors.push(
        forbidden(FIELD, `${existing} may not be changed\n${difference(container, same)}`),
      )
  }
  return errors
}

const difference = (old: EphemeralContainer, wanted: EphemeralContainer) =>
  diffEphemeralContainers(old, wanted) ?? ''
