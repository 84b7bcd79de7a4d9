/** The subresource pods/resize. Source: core/validation v1.36, ValidatePodResize; registry/core/pod/strategy.go. */
import type { Container, Pod, PodSpec, ResourceRequirements } from '../core.ts'
import { type FieldError, forbidden, invalid } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { validatePodAnnotations } from './pod-annotations.ts'
import { qosClassOf } from './pod-qos.ts'
import { validatePodSpec } from './pod-spec-validation.ts'

const MIRROR = 'kubernetes.io/config.mirror'
const LISTS = ['containers', 'initContainers'] as const
type Amounts = Readonly<Record<string, string>>

/** Nothing but resources and how they change is taken of what was sent; other containers are left for validation to refuse. */
export function withResources({ metadata, spec }: Pod, old: Pod): Pod {
  const { resourceVersion, managedFields } = metadata
  const { resources: _, ...kept } = old.spec
  return {
    ...old,
    metadata: {
      ...old.metadata,
      ...(resourceVersion ? { resourceVersion } : {}),
      ...(managedFields ? { managedFields } : {}),
    },
    spec: {
      ...kept,
      containers: mergeResources(spec.containers, old.spec.containers),
      ...(spec.initContainers
        ? { initContainers: mergeResources(spec.initContainers, old.spec.initContainers ?? []) }
        : {}),
      ...(spec.resources ? { resources: spec.resources } : {}),
    },
  }
}

function mergeResources(now: readonly Container[], old: readonly Container[]): Container[] {
  const held = new Map(old.map((container) => [container.name, container]))
  return now.map((container) => {
    const before = held.get(container.name)
    if (!before) return container
    const { resources: _, resizePolicy: __, ...kept } = before
    const { resources, resizePolicy } = container
    return {
      ...kept,
      ...(resources ? { resources } : {}),
      ...(resizePolicy ? { resizePolicy } : {}),
    }
  })
}

export function validateResize(pod: Pod, old: Pod): FieldError[] {
  const { spec } = pod
  if (old.metadata.annotations?.[MIRROR] !== undefined)
    return [forbidden('', 'static pods cannot be resized')]
  if (old.spec.os?.name === 'windows') return [forbidden('', 'windows pods cannot be resized')]
  const names = LISTS.flatMap((key) => checkNames(spec[key] ?? [], old.spec[key] ?? [], key))
  const errors = [
    ...validatePodAnnotations(pod, old),
    ...validatePodSpec(spec, 'spec', { inPod: true, podName: pod.metadata.name }),
    ...checkClass(pod, old),
    ...(isSupported(old)
      ? []
      : [forbidden('spec', 'Pod running on node without support for resize')]),
    ...names,
  ]
  if (names.length > 0) return errors
  errors.push(...checkRemovals(spec, old.spec), ...checkContainers(spec, old.spec))
  if (errors.length > 0) return errors
  return equalJSON(withOldAmounts(spec, old.spec), old.spec)
    ? []
    : [forbidden('spec', 'only cpu and memory resources are mutable')]
}

function checkClass({ spec, status }: Pod, old: Pod): FieldError[] {
  if ((old.status?.qosClass ?? qosClassOf(old.spec)) === qosClassOf(spec)) return []
  const detail = 'Pod QOS Class may not change as a result of resizing'
  return [invalid('spec', status?.qosClass ?? '', detail)]
}

/** A node that can resize says what its containers have. */
function isSupported({ status }: Pod): boolean {
  const running = status?.containerStatuses?.find(({ state }) => state?.running)
  return running === undefined || running.resources !== undefined
}

function checkNames(
  now: readonly Container[],
  old: readonly Container[],
  key: string,
): FieldError[] {
  if (now.length !== old.length)
    return [forbidden(`spec.${key}`, `${key} may not be added or removed on resize`)]
  const detail = `${key} may not be renamed or reordered on resize`
  return old.flatMap(({ name }, i) =>
    now[i]!.name === name ? [] : [forbidden(`spec.${key}[${i}].name`, detail)],
  )
}

function checkRemovals(spec: PodSpec, old: PodSpec): FieldError[] {
  const of = (now: ResourceRequirements = {}, before: ResourceRequirements = {}, at: string) =>
    (['requests', 'limits'] as const).flatMap((kind) =>
      Object.keys(before[kind] ?? {}).every((name) => now[kind]?.[name] !== undefined)
        ? []
        : [forbidden(`${at}.${kind}`, `resource ${kind} cannot be removed`)],
    )
  return [
    ...of(spec.resources, old.resources, 'spec.resources'),
    ...(['initContainers', 'containers'] as const).flatMap((key) =>
      (old[key] ?? []).flatMap((container, i) =>
        key === 'containers' || isSidecar(container)
          ? of(spec[key]![i]!.resources, container.resources, `spec.${key}[${i}].resources`)
          : [],
      ),
    ),
  ]
}

const isSidecar = ({ restartPolicy }: Container) => restartPolicy === 'Always'

function checkContainers(spec: PodSpec, old: PodSpec): FieldError[] {
  const isSame = (now: Container, before: Container) => equalJSON(withOldCPU(now, before), before)
  return [
    ...spec.containers.flatMap((container, i) =>
      isSame(container, old.containers[i]!)
        ? []
        : [forbidden('spec', 'only cpu and memory resources are mutable')],
    ),
    ...(spec.initContainers ?? []).flatMap((container, i) => {
      const before = old.initContainers![i]!
      if (isSidecar(container))
        return isSame(container, before)
          ? []
          : [forbidden('spec', 'only cpu and memory resources for sidecar containers are mutable')]
      return equalJSON(container, before)
        ? []
        : [forbidden('spec', 'resources for non-sidecar init containers are immutable')]
    }),
  ]
}

function withOldAmounts(spec: PodSpec, old: PodSpec): PodSpec {
  const each = (key: (typeof LISTS)[number]) =>
    (spec[key] ?? []).map((container, i) => withOldCPU(container, old[key]![i]!))
  const { resources: _, ...rest } = spec
  return {
    ...rest,
    containers: each('containers'),
    ...(spec.initContainers ? { initContainers: each('initContainers') } : {}),
    ...(old.resources ? { resources: mix(spec.resources ?? {}, old.resources) } : {}),
  }
}

/** The container with the old one's cpu and memory, and without claims, as upstream compares them. */
function withOldCPU(container: Container, old: Container): Container {
  const { resources = {}, ...rest } = container
  return old.resources ? { ...rest, resources: mix(resources, old.resources) } : rest
}

function mix(now: ResourceRequirements, old: ResourceRequirements): ResourceRequirements {
  const kinds = (['limits', 'requests'] as const).flatMap((kind) =>
    old[kind] ? [[kind, mixAmounts(now[kind] ?? {}, old[kind])] as const] : [],
  )
  return Object.fromEntries(kinds)
}

function mixAmounts(now: Amounts, old: Amounts): Amounts {
  const { cpu: _, memory: __, ...others } = now
  return {
    ...others,
    ...(old.cpu === undefined ? {} : { cpu: old.cpu }),
    ...(old.memory === undefined ? {} : { memory: old.memory }),
  }
}
