import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidr, parseInterfaceAddress } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { startServer } from '#testing/tcp-server.ts'
import { waitFor } from '#testing/wait-for.ts'
import type { Netns } from '../netns/netns.ts'
import { writeSysctl } from '../sysctl/sysctl.ts'

const address = (text: string) => parseInterfaceAddress(text)!

// Nodes 172.30.0.0/24, pods 10.244.0.0/16: the address plan of all tests.
suiteOnEachBackend('packets', () => {
  test('cross a bridge between two pods', async () => {
    using lab = createLab()
    const [node, a, b] = [lab.netns('node'), lab.netns('a'), lab.netns('b')]
    lab.rtnetlink(node).addLink({ kind: 'bridge', name: 'cni0', up: true })
    for (const [netns, host] of [
      [a, 7],
      [b, 8],
    ] as const) {
      const peer = { name: 'eth0', netns, up: true }
      const name = `veth${host}`
      lab.rtnetlink(node).addLink({ kind: 'veth', name, up: true, master: 'cni0', peer })
      const device = 'eth0'
      lab.rtnetlink(netns).replaceAddress({ device, address: address(`10.244.1.${host}/24`) })
      lab.rtnetlink(netns).replaceAddress({ device, address: address(`fd00:10:244:1::${host}/64`) })
    }
    await startServer(lab, b, { address: '::', port: 80, text: 'b' })
    assert.equal(get(lab, a, 'http://10.244.1.8/'), 'b ::ffff:10.244.1.7')
    assert.equal(get(lab, a, 'http://[fd00:10:244:1::8]/'), 'b fd00:10:244:1::7')
  })

  test('cross a vxlan by FDB, neighbour and route', async () => {
    using lab = createLab()
    const [one, two] = [lab.netns('one'), lab.netns('two')]
    lab.connect(
      { netns: one, device: 'eth0', address: '172.30.0.11/24' },
      { netns: two, device: 'eth0', address: '172.30.0.12/24' },
    )
    layTunnel(lab, one, { own: 1, other: 2 })
    layTunnel(lab, two, { own: 2, other: 1 })
    await startServer(lab, two, { address: '10.244.2.1', port: 80, text: 'two' })
    assert.equal(get(lab, one, 'http://10.244.2.1/'), 'two 10.244.1.0')
    assert.equal(
      lab.rtnetlink(one).deleteNeighbour({ device: 'flannel.1', ip: ip('10.244.2.0') }),
      true,
    )
    assert.equal(lab.canConnect(one, '10.244.2.1', 80, 300), false)
  })

  test('find a LoadBalancer address by a proxy neighbour', async () => {
    using lab = createLab()
    const [node, client] = [lab.netns('node'), lab.netns('client')]
    lab.connect(
      { netns: node, device: 'eth0', address: '172.30.0.11/24' },
      { netns: client, device: 'eth0', address: '172.30.0.254/24' },
    )
    const rtnetlink = lab.rtnetlink(node)
    writeSysctl('net.ipv4.ip_forward', 1, node)
    writeSysctl('net.ipv4.neigh.eth0.proxy_delay', 0, node)
    rtnetlink.addLink({ kind: 'bridge', name: 'cni0', up: true })
    const virtual = ip('172.30.0.200')
    rtnetlink.replaceRoute({ family: 4, destination: cidr('172.30.0.200/32'), device: 'cni0' })
    rtnetlink.replaceNeighbour({ device: 'eth0', ip: virtual, proxy: true })
    const answered = () =>
      lab
        .rtnetlink(client)
        .neighbours()
        .find((each) => each.ip === virtual)?.mac
    const ask = () => lab.exec(client, ['ping', '-c1', '-W0.3', virtual])
    ask()
    const nodeMAC = rtnetlink.link('eth0')?.mac
    assert.equal(await waitFor(answered, { what: 'an ARP answer' }), nodeMAC)

    rtnetlink.deleteNeighbour({ device: 'eth0', ip: virtual, proxy: true })
    lab.rtnetlink(client).deleteNeighbour({ device: 'eth0', ip: virtual })
    ask()
    assert.equal(answered(), undefined)
  })
})

/** As flannel does it: the tunnel's own address is the subnet's first, and so is its gateway's. */
function layTunnel(lab: Lab, netns: Netns, { own, other }: { own: number; other: number }): void {
  const rtnetlink = lab.rtnetlink(netns)
  const device = 'flannel.1'
  const hardwareAddress = (node: number) => mac(`02:00:00:00:00:0${node}`)
  rtnetlink.addLink({
    kind: 'vxlan',
    name: device,
    vni: 1,
    port: 8472,
    local: ip(`172.30.0.1${own}`),
    device: 'eth0',
    learning: false,
    mac: hardwareAddress(own),
    mtuBytes: 1450,
    up: true,
  })
  rtnetlink.replaceAddress({ device, address: address(`10.244.${own}.0/32`) })
  rtnetlink.replaceAddress({ device: 'lo', address: address(`10.244.${own}.1/32`) })
  const gateway = ip(`10.244.${other}.0`)
  const destination = ip(`172.30.0.1${other}`)
  rtnetlink.replaceFDBEntry({ device, mac: hardwareAddress(other), destination })
  rtnetlink.replaceNeighbour({ device, ip: gateway, mac: hardwareAddress(other) })
  const subnet = cidr(`10.244.${other}.0/24`)
  rtnetlink.replaceRoute({ family: 4, destination: subnet, gateway, device, onlink: true })
}

function get(lab: Lab, netns: Netns, url: string): string {
  const { status, stdout, stderr } = lab.exec(netns, [
    ...['curl', '--silent', '--show-error', '--noproxy', '*', '--max-time', '3', url],
  ])
  assert.equal(status, 0, stderr)
  return stdout
}
