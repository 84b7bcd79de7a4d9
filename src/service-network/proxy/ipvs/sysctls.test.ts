import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planIPVSSysctls } from './sysctls.ts'

// k/k pkg/proxy/ipvs/proxier.go: NewProxier; arp_ignore and arp_announce by --ipvs-strict-arp only.
const ALWAYS = {
  'net.ipv4.vs.conntrack': 1,
  'net.ipv4.vs.expire_nodest_conn': 1,
  'net.ipv4.vs.expire_quiescent_template': 1,
  'net.ipv4.ip_forward': 1,
}
const STRICT = { 'net.ipv4.conf.all.arp_ignore': 1, 'net.ipv4.conf.all.arp_announce': 2 }

test('planIPVSSysctls() has those of kube-proxy, those of ARP with strictARP only', () => {
  const plan = (ipvs: object) => Object.fromEntries(planIPVSSysctls({ ipvs }))
  assert.deepEqual(plan({}), ALWAYS)
  assert.deepEqual(plan({ strictARP: false }), ALWAYS)
  assert.deepEqual(plan({ strictARP: true }), { ...ALWAYS, ...STRICT })
})
