/** What a status may say of a pod. Source: core/validation v1.36, ValidatePodStatusUpdate. */
import { familyOf } from '#ip/ip.ts'
import type { ContainerStatus, Pod, PodCondition } from '../core.ts'
import { type FieldError, forbidden, invalid } from '../field-error.ts'
import { parseIPSloppy, validateLegacyIP } from '../validation/ip-rules.ts'
import {
  checkName,
  inclusiveRange,
  isDNS1123Subdomain,
  isQualifiedName,
} from '../validation/names.ts'
import { validateContainerStates } from './container-state-validation.ts'
import { validatePodAnnotationChange } from './pod-annotations.ts'
import { maxInt32 } from './pod-spec-validation.ts'

type PodIPs = readonly { readonly ip?: string }[]

const textsOf = (list: PodIPs = []) => list.map(({ ip = '' }) => ip)

export function validatePodStatus(pod: Pod, old: Pod): FieldError[] {
  const { status = {} } = pod
  const { hostIPs = [], observedGeneration = 0 } = status
  const host = 'must be equal to `hostIP`'
  return [
    ...validatePodAnnotationChange(pod, old),
    ...checkConditions(status.conditions ?? []),
    ...checkNomination(pod, old),
    ...checkGeneration(observedGeneration, 'status.observedGeneration'),
    ...(status.qosClass === old.status?.qosClass
      ? []
      : [invalid('status.qosClass', status.qosClass ?? '', 'field is immutable')]),
    ...validateContainerStates(pod, old),
    ...checkAddresses(status.podIPs ?? [], textsOf(old.status?.podIPs), 'status.podIPs'),
    ...(hostIPs.length > 0 && hostIPs[0]?.ip !== status.hostIP
      ? [invalid('status.hostIPs[0].ip', hostIPs[0]?.ip ?? '', host)]
      : []),
    ...checkAddresses(hostIPs, textsOf(old.status?.hostIPs), 'status.hostIPs'),
    ...(
      ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const
    ).flatMap((key) => checkUsers(status[key] ?? [], `status.${key}`)),
  ]
}

const SYSTEM_CONDITIONS: readonly string[] = ['PodScheduled', 'Ready', 'Initialized']

const checkConditions = (conditions: readonly PodCondition[]) =>
  conditions.flatMap(({ type, observedGeneration = 0 }, i) => [
    ...checkGeneration(observedGeneration, `status.conditions[${i}].observedGeneration`),
    ...(SYSTEM_CONDITIONS.includes(type)
      ? []
      : checkName(isQualifiedName, type, `status.conditions[${i}].Type`)),
  ])

const checkGeneration = (generation: number, field: string) =>
  generation < 0 ? [invalid(field, generation, 'must be a non-negative integer')] : []

function checkNomination({ status }: Pod, old: Pod): FieldError[] {
  const nominated = status?.nominatedNodeName ?? ''
  if (nominated === '' || nominated === (old.status?.nominatedNodeName ?? '')) return []
  const field = 'status.nominatedNodeName'
  const bound = 'may not be set on pods that are already bound to a node'
  return [
    ...checkName(isDNS1123Subdomain, nominated, field),
    ...(old.spec.nodeName ? [forbidden(field, bound)] : []),
  ]
}

/** Numbers of users and groups, as the runtime found them. */
const checkUsers = (statuses: readonly ContainerStatus[], at: string) =>
  statuses.flatMap(({ user }, i) => {
    const { uid = 0, gid = 0, supplementalGroups = [] } = user?.linux ?? {}
    const field = `${at}[${i}].linux`
    return [
      ...checkID(uid, `${field}.uid`),
      ...checkID(gid, `${field}.gid`),
      ...supplementalGroups.flatMap((group, g) =>
        checkID(group, `${field}.supplementalGroups[${g}]`),
      ),
    ]
  })

const checkID = (id: number, field: string) =>
  id >= 0 && id <= maxInt32 ? [] : [invalid(field, id, inclusiveRange(0, maxInt32))]

/** Valid, and at most one of each family. */
function checkAddresses(list: PodIPs, existing: readonly string[], at: string): FieldError[] {
  const texts = textsOf(list)
  const families = new Set(
    texts.flatMap((text) => {
      const address = parseIPSloppy(text)
      return address ? [familyOf(address)] : []
    }),
  )
  const unread = texts.findIndex((text) => !parseIPSloppy(text))
  const isPair = texts.length === 2 && families.size === 2
  const isDual = texts.length < 2 || (isPair && unread < 0)
  const failure = `failed to check for dual stack with error:invalid IP[${unread}]: ${texts[unread]}`
  const detail = 'may specify no more than one IP for each IP family'
  return [
    ...texts.flatMap((text, i) => validateLegacyIP(text, `${at}[${i}]`, existing)),
    ...(texts.length > 1 && unread >= 0
      ? [{ type: 'InternalError', field: at, detail: failure } satisfies FieldError]
      : []),
    // Upstream prints its internal struct.
    ...(isDual
      ? []
      : [
          invalid(
            at,
            texts.map((IP) => ({ IP })),
            detail,
          ),
        ]),
  ]
}
