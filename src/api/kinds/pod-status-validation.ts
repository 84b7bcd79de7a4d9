/** Source: core/validation v1.36, ValidatePodStatusUpdate: addresses and names. What containers went through is the node agent's word. */
import { familyOf } from '#ip/ip.ts'
import type { Pod } from '../core.ts'
import { type FieldError, forbidden, invalid } from '../field-error.ts'
import { parseIPSloppy, validateLegacyIP } from '../validation/ip-rules.ts'
import { checkName, isDNS1123Subdomain } from '../validation/names.ts'

type PodIPs = readonly { readonly ip?: string }[]

const textsOf = (list: PodIPs = []) => list.map(({ ip = '' }) => ip)

export function validatePodStatus({ status = {} }: Pod, old: Pod): FieldError[] {
  const { nominatedNodeName: nominated = '', hostIPs = [] } = status
  const field = 'status.nominatedNodeName'
  const isNew = nominated !== '' && nominated !== (old.status?.nominatedNodeName ?? '')
  const bound = 'may not be set on pods that are already bound to a node'
  const host = 'must be equal to `hostIP`'
  return [
    ...(isNew ? checkName(isDNS1123Subdomain, nominated, field) : []),
    ...(isNew && old.spec.nodeName ? [forbidden(field, bound)] : []),
    ...checkAddresses(status.podIPs ?? [], textsOf(old.status?.podIPs), 'status.podIPs'),
    ...(hostIPs.length > 0 && hostIPs[0]?.ip !== status.hostIP
      ? [invalid('status.hostIPs[0].ip', hostIPs[0]?.ip ?? '', host)]
      : []),
    ...checkAddresses(hostIPs, textsOf(old.status?.hostIPs), 'status.hostIPs'),
  ]
}

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
