import { suite, test } from 'node:test'
import { parseCIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import type { Backend } from '#pod-network/flannel/backend.ts'
import {
  createRouterNetwork,
  serveRouteTable,
} from '#pod-network/flannel/cloud/serve-route-table.ts'
import { createBackend } from '#pod-network/flannel/create-backend.ts'
import { checkMatrix, type MatrixRow } from './testing/packet-matrix.ts'
import type { LabNetwork } from './testing/pod-network-lab.ts'

const vxlan = createBackend({ type: 'vxlan', options: {} })
const direct = createBackend({ type: 'vxlan', options: { DirectRouting: true } })
const hostGateway = createBackend({ type: 'host-gw', options: {} })
const udp = createBackend({ type: 'udp', options: {} })
/** alloc gives nodes their subnets and carries nothing: here each node is told the ways by hand. */
const allocated = async ({
  plan,
  nodes,
  netnsOf,
  rtnetlink,
}: LabNetwork): Promise<() => Backend> => {
  for (const { name: at } of plan.nodes) {
    const others = plan.nodes.filter(({ name }) => name !== at)
    for (const { name, ips } of others) {
      const podCIDRs = nodes.find(({ metadata }) => metadata.name === name)?.spec?.podCIDRs ?? []
      for (const gateway of ips) {
        const family = familyOf(gateway)
        const destination = podCIDRs
          .map((text) => parseCIDR(text)!)
          .find(({ address }) => familyOf(address) === family)!
        rtnetlink(netnsOf(at)).replaceRoute({ family, destination, gateway, device: 'eth0' })
      }
    }
  }
  return () => createBackend({ type: 'alloc', options: {} })
}
/** The router has a table of routes, as a cloud's has, that the nodes ask to change. */
const cloud = async ({ netnsOf, rtnetlink, stack }: LabNetwork): Promise<() => Backend> => {
  const table = createRouterNetwork(rtnetlink(netnsOf('router')))
  const { url } = stack.use(await serveRouteTable(table))
  return () => createBackend({ type: 'cloud', options: { URL: url } })
}
const tunnel = /^via 10\.244\.\d\.0 dev flannel\.1 onlink$/
const behindRouter = {
  node: 'node2',
  why: /^Cannot reach pods of node2: its address 172\.30\.1\.12 is behind router 172\.30\.0\.1, and host-gw needs all nodes on one link/,
}
// wireguard and ipip, which this kernel may not have: testing/backends.guest.ts, by e2e/guest-backends.test.ts
const rows: readonly MatrixRow[] = [
  { name: 'vxlan over flat', backend: vxlan, underlay: 'flat' },
  { name: 'vxlan over routed', backend: vxlan, underlay: 'routed' },
  {
    name: 'vxlan with DirectRouting over flat',
    backend: direct,
    underlay: 'flat',
    node1: { node2: /^via 172\.30\.0\.12 dev eth0$/, node3: /^via 172\.30\.0\.13 dev eth0$/ },
  },
  {
    name: 'vxlan with DirectRouting over routed',
    backend: direct,
    underlay: 'routed',
    // node3 is a neighbour, node2 is behind the router.
    node1: { node2: tunnel, node3: /^via 172\.30\.0\.13 dev eth0$/ },
  },
  { name: 'udp over flat', backend: udp, underlay: 'flat', families: [4] },
  { name: 'udp over routed', backend: udp, underlay: 'routed', families: [4] },
  { name: 'host-gw over flat', backend: hostGateway, underlay: 'flat' },
  { name: 'host-gw over routed', backend: hostGateway, underlay: 'routed', apart: behindRouter },
  { name: 'alloc over flat', backend: allocated, underlay: 'flat' },
  { name: 'cloud over routed', backend: cloud, underlay: 'routed', node1: {} },
]

suite('the packet matrix:', () => {
  for (const row of rows) test(row.name, (context) => checkMatrix(row, context))
})
