import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { isObject } from '../../protocol/fields.ts'
import type { SubnetEnv } from './subnet-env.ts'

type JSONObject = Readonly<Record<string, unknown>>

/**
 * The configuration of the plugin that does the work: the option `delegate`, and what flannel's daemon says of this node, as
 * flannel-io/cni-plugin puts them together (flannel.go, flannel_linux.go).
 * @throws CNIError with upstream's messages
 */
export function planDelegate({ config }: Pick<CNICall, 'config'>, env: SubnetEnv): JSONObject {
  const delegate = objectOf(config.raw('delegate'), 'delegate')
  if ('type' in delegate && typeof delegate.type !== 'string') {
    throw fail("'delegate' dictionary, if present, must have (string) 'type' field")
  }
  for (const field of ['name', 'ipam']) {
    if (!(field in delegate)) continue
    throw fail(`'delegate' dictionary must not have '${field}' field, it'll be set by flannel`)
  }
  const type = delegate.type ?? 'bridge'
  const [runtimeConfig, cniVersion] = [config.raw('runtimeConfig'), config.text('cniVersion')]
  return {
    ipMasq: !env.ipMasq,
    mtu: env.mtuBytes,
    ...(type === 'bridge' && { isGateway: true }),
    ...delegate,
    type,
    name: config.text('name'),
    ...(runtimeConfig !== undefined && { runtimeConfig }),
    ...(cniVersion && { cniVersion }),
    ipam: planIPAM(objectOf(config.raw('ipam'), 'ipam'), env),
  }
}

/** Type and further options may be said; addresses are of this node's subnet, and every network of the cluster is reached. */
function planIPAM(ipam: JSONObject, env: SubnetEnv): JSONObject {
  const { subnet, ipv6Subnet, networks, ipv6Networks } = env
  const own = ipam.routes ?? []
  if (!Array.isArray(own)) {
    throw fail('failed to assemble Delegate IPAM: failed to read IPAM routes: not a list')
  }
  const toRange = (of: CIDR | undefined) => (of ? [[{ subnet: formatCIDR(of) }]] : [])
  const toRoute = (network: CIDR) => ({ dst: formatCIDR(network) })
  return {
    type: 'host-local',
    ...ipam,
    ranges: [...toRange(subnet), ...toRange(ipv6Subnet)],
    routes: [...own, ...[...networks, ...ipv6Networks].map(toRoute)],
  }
}

function objectOf(value: unknown, name: string): JSONObject {
  if (value === undefined) return {}
  if (isObject(value)) return value
  throw fail(
    `failed to load flannel netconf file: failed to load netconf: ${name} is not an object`,
  )
}
