import type { CNICall } from '../../protocol/cni-call.ts'
import { isObject } from '../../protocol/fields.ts'
import type { CNIResult } from '../../protocol/result.ts'

/** What the configuration says of DNS; `otherwise` where it says nothing. */
export function configuredDNS(
  { config }: CNICall,
  otherwise: CNIResult['dns'] = {},
): CNIResult['dns'] {
  const dns = config.raw('dns')
  return isObject(dns) && Object.keys(dns).length > 0 ? dns : otherwise
}
