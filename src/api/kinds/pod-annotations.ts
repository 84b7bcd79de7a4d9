/** Annotations that mean something on a pod, and what they may say. Source: core/validation v1.36, ValidatePodSpecificAnnotations and its kin. */
import type { AppArmorProfile, Container, Pod, PodSpec, SeccompProfile } from '../core.ts'
import { type FieldError, forbidden, invalid, quoteLikeGo } from '../field-error.ts'
import { validateDescendingPath } from '../validation/paths.ts'

const AT = 'metadata.annotations'
const MIRROR = 'kubernetes.io/config.mirror'
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'
const SECCOMP_POD = 'seccomp.security.alpha.kubernetes.io/pod'
const SECCOMP_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/'
const APP_ARMOR = 'container.apparmor.security.beta.kubernetes.io/'
const LOCALHOST = 'localhost/'

type Annotations = Readonly<Record<string, string>>

/** @param old Absent when the pod is new. */
export function validatePodAnnotations({ metadata, spec }: Pod, old?: Pod): FieldError[] {
  const annotations = metadata.annotations ?? {}
  const mirror = annotations[MIRROR]
  const cost = annotations[DELETION_COST]
  const oldCost = old?.metadata.annotations?.[DELETION_COST]
  const isBadAlready = oldCost !== undefined && !isDeletionCost(oldCost)
  return [
    ...(mirror !== undefined && !spec.nodeName
      ? [keyError(MIRROR, mirror, 'must set spec.nodeName if mirror pod annotation is set')]
      : []),
    ...(cost !== undefined && !isDeletionCost(cost) && !isBadAlready
      ? [keyError(DELETION_COST, cost, 'must be a 32bit integer')]
      : []),
    ...entriesOf(annotations, SECCOMP_POD).flatMap(checkSeccomp),
    ...entriesOf(annotations, SECCOMP_CONTAINER).flatMap(checkSeccomp),
    ...entriesOf(annotations, APP_ARMOR).flatMap((entry) => checkAppArmor(entry, spec)),
  ]
}

/** Whatever changes a pod, also its status, leaves these as they are. */
export function validatePodAnnotationChange(pod: Pod, old: Pod): FieldError[] {
  const now = pod.metadata.annotations ?? {}
  const before = old.metadata.annotations ?? {}
  const refuse = (keys: readonly string[], verb: string) =>
    keys.flatMap((key) => {
      const field = `${AT}[${key}]`
      if (key.startsWith(APP_ARMOR))
        return [forbidden(field, `may not ${verb} AppArmor annotations`)]
      return key === MIRROR ? [forbidden(field, `may not ${verb} mirror pod annotation`)] : []
    })
  const changed = Object.keys(before).filter((key) => now[key] !== before[key])
  const added = Object.keys(now).filter((key) => before[key] === undefined)
  return [
    ...refuse(changed, 'remove or update'),
    ...refuse(added, 'add'),
    ...validatePodAnnotations(pod, old),
  ]
}

/** On a new pod an annotation and the field that took its place say the same. */
export function matchAnnotationsAndFields({ metadata, spec }: Pod): FieldError[] {
  const annotations = metadata.annotations ?? {}
  return [...matchSeccomp(annotations, spec), ...matchAppArmor(annotations, spec)]
}

const keyError = (key: string, value: string, detail: string) =>
  invalid(`${AT}[${key}]`, value, detail)

const entriesOf = (annotations: Annotations, prefix: string) =>
  Object.entries(annotations).filter(([key]) =>
    prefix.endsWith('/') ? key.startsWith(prefix) : key === prefix,
  )

/** As Go's strconv reads it, and no sign or zero in front that says nothing. */
const isDeletionCost = (text: string) =>
  /^(0|-?\d+)$/.test(text) &&
  (text === '0' || !text.startsWith('0')) &&
  Number(text) >= -(2 ** 31) &&
  Number(text) < 2 ** 31

/** Upstream makes the key a part of the path here, not an index. */
function checkSeccomp([key, profile]: readonly [string, string]): FieldError[] {
  const field = `${AT}.${key}`
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return []
  if (profile.startsWith(LOCALHOST))
    return validateDescendingPath(profile.slice(LOCALHOST.length), field)
  return [invalid(field, profile, 'must be a valid seccomp profile')]
}

function checkAppArmor([key, profile]: readonly [string, string], spec: PodSpec): FieldError[] {
  const name = key.slice(APP_ARMOR.length)
  const isKnown = allContainers(spec).some(({ container }) => container.name === name)
  const isProfile =
    ['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith(LOCALHOST)
  return [
    ...(isKnown ? [] : [keyError(key, name, 'container not found')]),
    ...(isProfile
      ? []
      : [keyError(key, profile, `invalid AppArmor profile name: ${quoteLikeGo(profile)}`)]),
  ]
}

/** In the order in which upstream visits them. */
function allContainers(
  spec: PodSpec,
): { readonly container: Pick<Container, 'name' | 'securityContext'>; readonly at: string }[] {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((key) =>
    (spec[key] ?? []).map((container, i) => ({ container, at: `spec.${key}[${i}]` })),
  )
}

function matchSeccomp(annotations: Annotations, spec: PodSpec): FieldError[] {
  const ofPod = matchProfile(
    annotations[SECCOMP_POD],
    spec.securityContext?.seccompProfile,
    'spec.securityContext.seccompProfile',
    'seccomp',
  )
  const ofContainers = allContainers(spec).flatMap(({ container, at }) =>
    matchProfile(
      annotations[`${SECCOMP_CONTAINER}${container.name}`],
      container.securityContext?.seccompProfile,
      `${at}.securityContext.seccompProfile`,
      'seccomp',
    ),
  )
  return [...ofPod, ...ofContainers]
}

function matchAppArmor(annotations: Annotations, spec: PodSpec): FieldError[] {
  if (spec.os?.name === 'windows') return []
  return allContainers(spec).flatMap(({ container, at }) =>
    matchProfile(
      annotations[`${APP_ARMOR}${container.name}`],
      container.securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile,
      `${at}.securityContext.appArmorProfile`,
      'apparmor',
    ),
  )
}

function matchProfile(
  annotation: string | undefined,
  profile: SeccompProfile | AppArmorProfile | undefined,
  at: string,
  what: 'seccomp' | 'apparmor',
): FieldError[] {
  if (annotation === undefined || !profile) return []
  const otherType = forbidden(`${at}.type`, `${what} type in annotation and field must match`)
  if (profile.type === 'Localhost') {
    if (!annotation.startsWith(LOCALHOST)) return [otherType]
    if (annotation.slice(LOCALHOST.length) === profile.localhostProfile) return []
    const detail = `${what} profile in annotation and field must match`
    return [forbidden(`${at}.localhostProfile`, detail)]
  }
  const runtime = what === 'seccomp' ? ['runtime/default', 'docker/default'] : ['runtime/default']
  const same = profile.type === 'Unconfined' ? ['unconfined'] : runtime
  return same.includes(annotation) ? [] : [otherType]
}
