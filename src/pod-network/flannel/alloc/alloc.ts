import { type Backend, NO_PLAN } from '../backend.ts'
import { mapFamilies } from '../lease.ts'

/** flannel's alloc backend: nodes get their subnets and tell of them; somebody else carries the packets. */
export const allocation: Backend = {
  type: 'alloc',
  describe: (node) =>
    mapFamilies(node.networks, (_, family) =>
      node.underlay.addresses[family] === undefined ? undefined : null,
    ),
  plan: (node) => ({ ...NO_PLAN, mtuBytes: node.underlay.mtuBytes }),
}
