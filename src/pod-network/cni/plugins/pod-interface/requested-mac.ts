import { type MAC, parseMAC } from '#ip/mac.ts'
import { type CNICall, requireKnownArgs } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'

/** The capability `mac` wins over CNI_ARGS, and that over the option. @throws CNIError for what is no MAC address */
export function requestedMAC(call: CNICall): MAC | undefined {
  requireKnownArgs(call, ['MAC', 'IP', 'GATEWAY'])
  const { config, args } = call
  const text = config.object('runtimeConfig').text('mac') || args.get('MAC') || config.text('mac')
  if (!text) return undefined
  const mac = parseMAC(text)
  if (mac) return mac
  throw fail(`invalid args ${text} for MAC addr: address ${text}: invalid MAC address`)
}
