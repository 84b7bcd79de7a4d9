import { type Family, familyOf, type IP } from '#ip/ip.ts'
import type { ServiceModelOptions } from '../model.ts'
import { selectNodePortIPs } from './node-port-addresses.ts'

/** The node, with what is worked out once for all Services. */
export interface NodeView
  extends Pick<ServiceModelOptions, 'nodeName' | 'nodeIP' | 'zone' | 'allowExternalIPs'> {
  readonly family: Family
  readonly nodePortIPs: readonly IP[]
}

export function viewOf(options: ServiceModelOptions): NodeView {
  return {
    ...options,
    family: familyOf(options.nodeIP),
    nodePortIPs: selectNodePortIPs(options),
  }
}
