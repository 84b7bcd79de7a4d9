/** What of a running pod may change. Source: core/validation v1.36, ValidatePodUpdate. */
import type { Container, Pod, PodSpec, Toleration } from '../core.ts'
import { type FieldError, forbidden, invalid, required } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { inclusiveRange } from '../validation/names.ts'
import { checkImageSpaces } from './container-validation.ts'
import { validateGatedChange, withOldPlacement } from './gated-pod-update.ts'
import { diffPodSpecs } from './pod-diff.ts'
import { maxInt32 } from './pod-spec-validation.ts'
import { validateTolerations } from './toleration-validation.ts'

const mutable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
]

export function validatePodChange({ spec }: Pod, { spec: old }: Pod): FieldError[] {
  const images: FieldError[] = []
  for (const key of ['containers', 'initContainers'] as const) {
    const containers = spec[key] ?? []
    if (containers.length !== (old[key] ?? []).length) {
      return [...images, forbidden(`spec.${key}`, 'pod updates may not add or remove containers')]
    }
    images.push(...checkImages(containers, `spec.${key}`))
  }
  const deadline = checkDeadline(spec.activeDeadlineSeconds, old.activeDeadlineSeconds)
  if (deadline.length > 0 && spec.activeDeadlineSeconds !== undefined) {
    return [...images, ...deadline]
  }
  return [
    ...images,
    ...deadline,
    ...checkTolerations(spec, old),
    ...checkGates(spec, old),
    ...validateGatedChange(spec, old),
    ...checkRest(spec, old),
  ]
}

function checkImages(containers: readonly Container[], at: string): FieldError[] {
  return containers.flatMap((container, index) => [
    ...(container.image ? [] : [required(`${at}[${index}].image`)]),
    ...checkImageSpaces(container, `${at}[${index}]`),
  ])
}

function checkDeadline(now: number | undefined, old: number | undefined): FieldError[] {
  const field = 'spec.activeDeadlineSeconds'
  if (now === undefined) {
    return old === undefined
      ? []
      : [invalid(field, null, 'must not update from a positive integer to nil value')]
  }
  if (now < 0 || now > maxInt32) return [invalid(field, now, inclusiveRange(0, maxInt32))]
  return old !== undefined && old < now
    ? [invalid(field, now, 'must be less than or equal to previous value')]
    : []
}

function checkTolerations({ tolerations = [] }: PodSpec, old: PodSpec): FieldError[] {
  const at = 'spec.tolerations'
  const wanted = new Set(tolerations.map(identify))
  const isKept = (old.tolerations ?? []).every((toleration) => wanted.has(identify(toleration)))
  if (isKept) return validateTolerations(tolerations, at)
  const detail = 'existing toleration can not be modified except its tolerationSeconds'
  return [forbidden(at, detail)]
}

/** All but its seconds. */
const identify = ({ key, operator, value, effect }: Toleration) =>
  JSON.stringify([key, operator, value, effect])

/** Gates are opened, never closed. */
function checkGates({ schedulingGates = [] }: PodSpec, old: PodSpec): FieldError[] {
  const held = new Set((old.schedulingGates ?? []).map(({ name }) => name))
  return schedulingGates.flatMap(({ name }, i) =>
    held.has(name)
      ? []
      : [
          forbidden(
            `spec.schedulingGates[${i}].name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  )
}

function checkRest(spec: PodSpec, old: PodSpec): FieldError[] {
  const still = withOldPlacement(withOldFields(spec, old), old)
  const changed = [...new Set([...Object.keys(still), ...Object.keys(old)])].filter(
    (key) => !equalJSON(still[key as keyof PodSpec], old[key as keyof PodSpec]),
  )
  if (changed.length === 0) return []
  const difference = diffPodSpecs(old, still) ?? changed.map((key) => `  spec.${key}`).join('\n')
  const detail = `pod updates may not change fields other than ${mutable.join(',')}\n${difference}`
  return [forbidden('spec', detail)]
}

/** The new spec with what may change as it was. */
function withOldFields(spec: PodSpec, old: PodSpec): PodSpec {
  const { activeDeadlineSeconds: _, tolerations: __, schedulingGates: ___, ...rest } = spec
  const images = (now: readonly Container[], before: readonly Container[]) =>
    now.map((container, index) => ({ ...container, image: before[index]!.image ?? '' }))
  const grace = old.terminationGracePeriodSeconds
  const relaxed = (grace ?? 0) < 0 && spec.terminationGracePeriodSeconds === 1
  return {
    ...rest,
    containers: images(spec.containers, old.containers),
    ...(spec.initContainers
      ? { initContainers: images(spec.initContainers, old.initContainers ?? []) }
      : {}),
    ...(old.activeDeadlineSeconds === undefined
      ? {}
      : { activeDeadlineSeconds: old.activeDeadlineSeconds }),
    ...(old.tolerations ? { tolerations: old.tolerations } : {}),
    ...(old.schedulingGates ? { schedulingGates: old.schedulingGates } : {}),
    ...(relaxed ? { terminationGracePeriodSeconds: grace! } : {}),
  }
}
