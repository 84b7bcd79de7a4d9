import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { openIptables } from '#kernel/iptables/iptables.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { silentLog } from '#log/log.ts'
import { createLab } from '#testing/netns.ts'
import { node1 } from '../flannel/testing/own-node.ts'
import { createFirewall } from './create-firewall.ts'

const options = { masquerade: true, forward: true, randomFully: true }

// pkg/trafficmngr/iptables/iptables.go: masqRules(), forwardRules(), in the words of iptables-save
const nat = `-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.244.0.0/16 -d 10.244.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully`
const filter = `-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d 10.244.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT`

suite("flanneld's iptables rules", () => {
  const setUp = (lab: ReturnType<typeof createLab>) => {
    const netns = lab.netns('node1')
    const stack = new DisposableStack()
    const deps = {
      nft: stack.use(openNft(netns)),
      iptables: stack.use(openIptables(netns)),
      log: silentLog,
    }
    const run = (script: string) => lab.exec(netns, ['sh', '-c', script])
    const saved = (table: string, program = 'iptables') =>
      run(`${program}-save -t ${table} | grep ^-A`).stdout.trim()
    return { ...deps, run, saved, deps, [Symbol.dispose]: () => stack.dispose() }
  }

  test('are what flanneld writes, of both families', () => {
    using lab = createLab()
    using it = setUp(lab)
    const firewall = createFirewall(it.deps, { kind: 'iptables', ...options })
    assert.equal(firewall.keep(node1, []), true)
    assert.equal(firewall.keep(node1, []), false)
    assert.equal(it.saved('nat'), nat)
    assert.equal(it.saved('filter'), filter)
    assert.match(it.saved('nat', 'ip6tables'), /-s fd00:10:244::\/56 ! -d ff00::\/8 .*MASQUERADE/)
  })

  const damages = [
    'iptables -t nat -F FLANNEL-POSTRTG',
    'iptables -t nat -D FLANNEL-POSTRTG 3',
    'iptables -t nat -I FLANNEL-POSTRTG -j ACCEPT',
    'iptables -t nat -F POSTROUTING && iptables -t nat -F FLANNEL-POSTRTG && iptables -t nat -X FLANNEL-POSTRTG',
    'iptables -t nat -F',
    'iptables -F FORWARD',
    'iptables -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
    'ip6tables -t nat -F FLANNEL-POSTRTG',
  ]
  test('come back, whatever happens to them, and others stay', () => {
    using lab = createLab()
    using it = setUp(lab)
    const firewall = createFirewall(it.deps, { kind: 'iptables', ...options })
    firewall.keep(node1, [])
    const v6 = it.saved('nat', 'ip6tables')
    for (const damage of damages) {
      assert.equal(firewall.isRight?.(), true, damage)
      assert.equal(it.run(damage).status, 0, damage)
      assert.equal(firewall.isRight?.(), false, damage)
      assert.equal(firewall.keep(node1, []), true, damage)
      assert.equal(it.saved('nat'), nat, damage)
      assert.equal(it.saved('filter'), filter, damage)
      assert.equal(it.saved('nat', 'ip6tables'), v6, damage)
    }
    it.run('iptables -A FORWARD -s 192.0.2.1 -j DROP')
    assert.equal(firewall.keep(node1, []), false)
    assert.match(it.saved('filter'), /192\.0\.2\.1/)
  })

  test('go when nftables is chosen, and the tables when iptables is', () => {
    using lab = createLab()
    using it = setUp(lab)
    createFirewall(it.deps, { kind: 'iptables', ...options }).keep(node1, [])
    it.run('nft add table ip flannel-ipv4')
    createFirewall(it.deps, { kind: 'nftables', ...options }).keep(node1, [])
    assert.doesNotMatch(it.run('iptables-save; ip6tables-save').stdout, /FLANNEL|flanneld/)
    assert.match(it.run('nft list tables').stdout, /ip6 fairlead-pod-network/)
    assert.doesNotMatch(it.run('nft list tables').stdout, /flannel-ipv4/)
    createFirewall(it.deps, { kind: 'iptables', ...options }).keep(node1, [])
    assert.doesNotMatch(it.run('nft list tables').stdout, /fairlead-pod-network/)
  })
})
