import { cidr, cidrContains } from '#ip/cidr.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../networking.ts'
import { networkPolicies } from '../resources.ts'
import { validateLegacyCIDR } from '../validation/ip-rules.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { isDNS1123Subdomain, isPortName, isPortNumber } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'

const TYPES = ['Ingress', 'Egress']
const PROTOCOLS = ['TCP', 'UDP', 'SCTP']

// Source: networking/v1/defaults.go, networking/validation and registry/networking/networkpolicy.
export const networkPolicy = defineKind<NetworkPolicy>({
  resource: networkPolicies,
  shortNames: ['netpol'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  default: (object) => {
    const { policyTypes = [], egress = [] } = object.spec ?? {}
    if (policyTypes.length > 0) return object
    const types = egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
    return { ...object, spec: { podSelector: {}, ...object.spec, policyTypes: types } }
  },
  validate: ({ spec = {} }, old) => validateSpec(spec, old ? cidrsOf(old) : []),
  warnings: () => [
    'NetworkPolicy: stored, but not enforced: this cluster lets pods reach each other whatever a policy says',
  ],
})

type Spec = NonNullable<NetworkPolicy['spec']>

const peersOf = ({ ingress = [], egress = [] }: Spec) => [
  ...ingress.flatMap(({ from = [] }) => from),
  ...egress.flatMap(({ to = [] }) => to),
]

const cidrsOf = ({ spec = {} }: NetworkPolicy) =>
  peersOf(spec).flatMap(({ ipBlock }) => (ipBlock ? [ipBlock.cidr, ...(ipBlock.except ?? [])] : []))

function validateSpec(spec: Spec, existing: readonly string[]): FieldError[] {
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec
  const rule = (
    ports: readonly NetworkPolicyPort[],
    peers: readonly NetworkPolicyPeer[],
    at: string,
    direction: 'from' | 'to',
  ) => [
    ...ports.flatMap((port, i) => validatePort(port, `${at}.ports[${i}]`)),
    ...peers.flatMap((peer, i) => validatePeer(peer, `${at}.${direction}[${i}]`, existing)),
  ]
  const errors = [
    ...validateLabelSelector(podSelector, 'spec.podSelector'),
    ...ingress.flatMap(({ ports = [], from = [] }, i) =>
      rule(ports, from, `spec.ingress[${i}]`, 'from'),
    ),
    ...egress.flatMap(({ ports = [], to = [] }, i) => rule(ports, to, `spec.egress[${i}]`, 'to')),
  ]
  if (policyTypes.length > TYPES.length) {
    const detail = 'may not specify more than two policyTypes'
    return [...errors, invalid('spec.policyTypes', policyTypes, detail)]
  }
  return [
    ...errors,
    ...policyTypes.flatMap((type, i) =>
      TYPES.includes(type) ? [] : [notSupported(`spec.policyTypes[${i}]`, type, TYPES)],
    ),
  ]
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, at: string): FieldError[] {
  const wrongProtocol =
    protocol !== undefined && !PROTOCOLS.includes(protocol)
      ? [notSupported(`${at}.protocol`, protocol, PROTOCOLS)]
      : []
  const refuseEnd = (why: string) =>
    endPort === undefined ? [] : [invalid(`${at}.endPort`, endPort, why)]
  if (port === undefined)
    return [...wrongProtocol, ...refuseEnd('may not be specified when `port` is not specified')]
  if (typeof port === 'string') {
    return [
      ...wrongProtocol,
      ...refuseEnd('may not be specified when `port` is non-numeric'),
      ...isPortName(port).map((detail) => invalid(`${at}.port`, port, detail)),
    ]
  }
  return [
    ...wrongProtocol,
    ...isPortNumber(port).map((detail) => invalid(`${at}.port`, port, detail)),
    ...(endPort !== undefined && endPort < port
      ? [invalid(`${at}.endPort`, port, 'must be greater than or equal to `port`')]
      : []),
    ...(endPort === undefined ? [] : isPortNumber(endPort)).map((detail) =>
      invalid(`${at}.endPort`, endPort, detail),
    ),
  ]
}

function validatePeer(peer: NetworkPolicyPeer, at: string, existing: readonly string[]) {
  const { podSelector, namespaceSelector, ipBlock } = peer
  const count = [podSelector, namespaceSelector, ipBlock].filter(Boolean).length
  return [
    ...validateLabelSelector(podSelector, `${at}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${at}.namespaceSelector`),
    ...(ipBlock ? validateBlock(ipBlock, `${at}.ipBlock`, existing) : []),
    ...(count === 0 ? [required(at, 'must specify a peer')] : []),
    ...(count > 1 && ipBlock
      ? [forbidden(at, 'may not specify both ipBlock and another peer')]
      : []),
  ]
}

function validateBlock(
  block: NonNullable<NetworkPolicyPeer['ipBlock']>,
  at: string,
  existing: readonly string[],
): FieldError[] {
  if (!block.cidr) return [required(`${at}.cidr`)]
  const errors = validateLegacyCIDR(block.cidr, `${at}.cidr`, existing)
  if (errors.length > 0) return errors
  return (block.except ?? []).flatMap((text, i) => {
    const field = `${at}.except[${i}]`
    const wrong = validateLegacyCIDR(text, field, existing)
    return wrong.length > 0 || isStrictPart(text, block.cidr)
      ? wrong
      : [invalid(field, text, 'must be a strict subset of `cidr`')]
  })
}

function isStrictPart(part: string, whole: string): boolean {
  try {
    const [inner, outer] = [cidr(part), cidr(whole)]
    return cidrContains(outer, inner.address) && inner.prefixLength > outer.prefixLength
  } catch {
    return true // spelled in a way that was accepted before
  }
}
