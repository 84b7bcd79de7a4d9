import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import type { NextHop, OwnNode } from '../backend.ts'
import type { Lease } from '../lease.ts'

/** node1 of the address plan, of both families. All nodes are on its link but those of 172.30.1.0/24, behind 172.30.0.1. */
export const node1: OwnNode = {
  name: 'node1',
  networks: { 4: cidr('10.244.0.0/16'), 6: cidr('fd00:10:244::/56') },
  subnets: { 4: cidr('10.244.1.0/24'), 6: cidr('fd00:10:244:1::/64') },
  publicIPs: { 4: ip('172.30.0.11'), 6: ip('fd00:172:30::11') },
  underlay: {
    device: 'eth0',
    mtuBytes: 1500,
    addresses: { 4: ip('172.30.0.11'), 6: ip('fd00:172:30::11') },
  },
  routeTo: (destination): NextHop =>
    destination.startsWith('172.30.1.')
      ? { device: 'eth0', gateway: ip('172.30.0.1') }
      : { device: 'eth0' },
}

/** The same without IPv6. */
export const node1v4: OwnNode = {
  ...node1,
  networks: { 4: node1.networks[4]! },
  subnets: { 4: node1.subnets[4]! },
  publicIPs: { 4: node1.publicIPs[4]! },
  underlay: { ...node1.underlay, addresses: { 4: node1.underlay.addresses[4]! } },
}

/** Node `n` with vxlan's data. */
export function peerLease(n: number, changes: Partial<Lease> = {}): Lease {
  return {
    name: `node${n}`,
    backendType: 'vxlan',
    subnets: { 4: cidr(`10.244.${n}.0/24`), 6: cidr(`fd00:10:244:${n}::/64`) },
    publicIPs: { 4: ip(`172.30.0.${10 + n}`), 6: ip(`fd00:172:30::${10 + n}`) },
    data: {
      4: { VNI: 1, VtepMAC: `02:00:00:00:00:0${n}` },
      6: { VNI: 1, VtepMAC: `02:00:00:00:06:0${n}` },
    },
    ...changes,
  }
}
