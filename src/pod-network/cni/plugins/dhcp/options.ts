import { OPTION } from '#wire/dhcp/message.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { readFields } from '../../protocol/fields.ts'

/** Names of dhcp-options(5) that the reference plugin knows; others are said by their number. */
const NAMES: Readonly<Record<string, number>> = {
  'dhcp-client-identifier': OPTION.clientID,
  'subnet-mask': OPTION.subnetMask,
  routers: OPTION.router,
  'host-name': OPTION.hostName,
  'user-class': OPTION.userClass,
  'vendor-class-identifier': OPTION.vendorClass,
}

const REQUESTED_BY_DEFAULT = [OPTION.router, OPTION.subnetMask]
const MAX_VALUE_BYTES = 255

/** What a client says besides what DHCP makes it say: ipam.provide, ipam.request. @throws CNIError with upstream's messages */
export function parseClientOptions({
  config,
  args,
}: Pick<CNICall, 'config' | 'args'>): ReadonlyMap<number, Uint8Array> {
  const ipam = config.object('ipam')
  const options = new Map<number, Uint8Array>()
  for (const each of ipam.list('provide')) {
    const fields = readFields(each, 'provide')
    const name = fields.text('option') ?? ''
    const code = parseOption(name)
    const value = args.get(fields.text('fromArg') ?? '') ?? fields.text('value')
    if (!value) continue
    if (Buffer.byteLength(value) > MAX_VALUE_BYTES) {
      throw fail(`value too long for option ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    }
    options.set(code, Buffer.from(value))
  }
  const requested = parseRequested(ipam.list('request'))
  if (requested.length > 0) options.set(OPTION.parameterList, Uint8Array.from(requested))
  return options
}

function parseRequested(list: readonly unknown[]): readonly number[] {
  const entries = list.map((each) => readFields(each, 'request'))
  const own = entries.flatMap((fields) => {
    const name = fields.text('option')
    return name ? [parseOption(name)] : []
  })
  const isDefaultSkipped = entries.some((fields) => fields.flag('skipDefault'))
  return [...own, ...(isDefaultSkipped ? [] : REQUESTED_BY_DEFAULT)]
}

function parseOption(name: string): number {
  const known = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
  if (known !== undefined) return known
  if (/^\d+$/.test(name) && Number(name) < 256) return Number(name)
  const why = `strconv.ParseUint: parsing ${JSON.stringify(name)}: invalid syntax`
  throw fail(`Can not parse option ${JSON.stringify(name)}: Can not parse option: ${why}`)
}

const MAX_CLIENT_ID_BYTES = 254

/** One lease for each container, network and interface; cut to what fits, as upstream does. */
export function clientIDOf({
  containerID,
  networkName,
  ifname,
}: Pick<CNICall, 'containerID' | 'networkName' | 'ifname'>): string {
  return `${containerID}/${networkName}/${ifname}`.slice(0, MAX_CLIENT_ID_BYTES)
}
