import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { createBackend } from '../create-backend.ts'
import { createIPIP } from '../ipip/ipip.ts'
import { node1, node1v4, peerLease } from '../testing/own-node.ts'
import { planWords } from '../testing/plan-words.ts'
import { readKeys } from './keys.ts'
import { createWireguard, WIREGUARD_DEFAULTS } from './wireguard.ts'

const keyOf = (n: number) => Buffer.alloc(32, n).toString('base64')
const peer = (n: number, data: unknown = { PublicKey: keyOf(n), Port: 51820 }) =>
  peerLease(n, {
    backendType: 'wireguard',
    data: { 4: data, 6: { PublicKey: keyOf(n + 10), Port: 51821 } },
  })

/** RFC 7748 section 6.1 */
const ALICE = {
  private: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
  public: '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
}

suite('wireguard', () => {
  const wireguard = createWireguard({ ...WIREGUARD_DEFAULTS, keyFile: '/nowhere' })

  // pkg/backend/wireguard/device.go and wireguard_network.go: names, MTU less 80, addresses, the route of the whole network
  test('plans a device a family, and a peer a node', () => {
    const plan = wireguard.plan(node1, {}, [peer(2)])
    assert.equal(
      planWords(plan),
      `ip link add flannel-wg mtu 1420 type wireguard
ip link add flannel-wg-v6 mtu 1420 type wireguard
ip addr add 10.244.1.0/32 dev flannel-wg
ip addr add fd00:10:244:1::/128 dev flannel-wg-v6
ip route replace 10.244.0.0/16 dev flannel-wg
ip route replace fd00:10:244::/56 dev flannel-wg-v6`,
    )
    assert.deepEqual(plan.secure?.[0], {
      device: 'flannel-wg',
      listenPort: 51820,
      keepaliveSeconds: 0,
      peers: [
        {
          publicKey: keyOf(2),
          endpoint: { address: ip('172.30.0.12'), port: 51820 },
          allowed: [cidr('10.244.2.0/24'), cidr('172.30.0.12/32')],
        },
      ],
    })
  })

  // pkg/backend/wireguard/wireguard_network.go, selectMode()
  const own = (v6: string) => ({ ...node1.underlay.addresses, 6: ip(v6) })
  for (const { name, mode, v4 = '172.30.0.12', v6 = 'fd00:172:30::12', ours, want } of [
    { name: 'ipv4', mode: 'ipv4', want: '172.30.0.12' },
    { name: 'ipv6', mode: 'ipv6', want: 'fd00:172:30::12' },
    { name: 'auto, of private addresses', mode: 'auto', want: '172.30.0.12' },
    { name: 'auto, a public IPv4 address', mode: 'auto', v4: '192.0.2.2', want: '192.0.2.2' },
    { name: 'auto, public IPv6 there only', mode: 'auto', v6: '2001:db8::2', want: '172.30.0.12' },
    {
      name: 'auto, public IPv6 at both ends',
      mode: 'auto',
      v6: '2001:db8::2',
      ours: '2001:db8::1',
      want: '2001:db8::2',
    },
  ] as const) {
    test(`one device for both families, by ${name}`, () => {
      const addresses = ours ? own(ours) : node1.underlay.addresses
      const node = { ...node1, underlay: { ...node1.underlay, addresses } }
      const options = { ...WIREGUARD_DEFAULTS, mode, keyFile: '/nowhere' }
      const publicIPs = { 4: ip(v4), 6: ip(v6) }
      const data = { PublicKey: keyOf(2), Port: 51820 }
      const told = peerLease(2, { backendType: 'wireguard', publicIPs, data: { 4: data, 6: data } })
      const plan = createWireguard(options).plan(node, {}, [told])
      assert.equal(
        planWords(plan),
        `ip link add flannel-wg mtu 1420 type wireguard
ip addr add 10.244.1.0/32 dev flannel-wg
ip addr add fd00:10:244:1::/128 dev flannel-wg
ip route replace 10.244.0.0/16 dev flannel-wg
ip route replace fd00:10:244::/56 dev flannel-wg`,
      )
      assert.deepEqual(plan.secure, [
        {
          device: 'flannel-wg',
          listenPort: 51820,
          keepaliveSeconds: 0,
          peers: [
            {
              publicKey: keyOf(2),
              endpoint: { address: ip(want), port: 51820 },
              allowed: [
                ...[cidr('10.244.2.0/24'), cidr(`${v4}/32`)],
                ...[cidr('fd00:10:244:2::/64'), cidr(`${v6}/128`)],
              ],
            },
          ],
        },
      ])
    })
  }

  test('no other mode', () =>
    assert.throws(() => createBackend({ type: 'wireguard', options: { Mode: 'both' } }), {
      message: 'no valid Mode configured',
    }))

  for (const data of [null, 'x', {}, { PublicKey: 'x' }, { PublicKey: keyOf(2), Port: -1 }])
    test(`refuses ${JSON.stringify(data)}`, () => {
      const plan = wireguard.plan(node1v4, {}, [peer(2, data)])
      assert.deepEqual(plan.refused, [
        { node: 'node2', why: 'its backend-data is not {"PublicKey":…,"Port":…}' },
      ])
      assert.deepEqual(plan.secure?.[0]?.peers, [])
    })

  test('one key is one node', () => {
    const plan = wireguard.plan(node1v4, {}, [peer(2), peer(3, { PublicKey: keyOf(2) })])
    assert.deepEqual(plan.refused, [{ node: 'node3', why: 'its PublicKey is also that of node2' }])
  })

  test('knows the public key of a private one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'wgkey-'))
    try {
      const hex = (text: string) => Buffer.from(text, 'hex').toString('base64')
      writeFileSync(join(folder, 'alice'), hex(ALICE.private))
      assert.equal(readKeys(join(folder, 'alice')).publicKey, hex(ALICE.public))
      const made = readKeys(join(folder, 'new'))
      assert.deepEqual(readKeys(join(folder, 'new')), made)
      writeFileSync(join(folder, 'bad'), 'x')
      assert.throws(() => readKeys(join(folder, 'bad')), /could not parse private key from file/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

// pkg/backend/ipip/ipip.go of flannel
test('ipip plans one device, and routes whose gateway is the receiver', () => {
  const plan = createIPIP({ directRouting: false }).plan(node1v4, {}, [peerLease(2)])
  assert.equal(
    planWords(plan),
    `ip link add flannel.ipip mtu 1480 type ipip
ip addr add 10.244.1.0/32 dev flannel.ipip
ip route replace 10.244.2.0/24 via 172.30.0.12 dev flannel.ipip onlink`,
  )
  const direct = createIPIP({ directRouting: true }).plan(node1v4, {}, [
    peerLease(2),
    peerLease(3, { publicIPs: { 4: ip('172.30.1.13') } }),
  ])
  assert.deepEqual(
    direct.routes.map(({ device }) => device),
    ['eth0', 'flannel.ipip'],
  )
})
